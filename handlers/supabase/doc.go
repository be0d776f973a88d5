// Package supabase asks Supabase's management API how the services of a project are:
// GET /v1/projects/{ref}/health.
//
// It decides nothing: how often a service must be unhealthy before it is a signal is
// the fold's business. A token that is refused, or an API that does not answer, says
// nothing about the project. Start reading at health.go.
//
// Set-up: an access token of the account (fine-grained: project_admin_read), written as
// providers.supabase.token, and the project's reference (20 letters, in its address) as
// ref. The health is that of every production environment that depends on supabase.
//
//	supabase.backups       read: which backups there are
//	supabase.restore_pitr  put a project back to a moment, in place; Once. It always needs a
//	                       person: no policy and no mode lets it happen alone
//
// Those two need database_read and database_write besides; start reading at backups.go.
package supabase
