// Package vercel owns every call Backout makes to Vercel's REST API: what serves,
// which deployments there are, instant rollback, promote and redeploy, logs, settings,
// webhooks and the switches of a Global Config. It decides nothing: the target and the
// deployment expected to serve are inputs, and when something else serves it answers so
// and calls nothing. Rollback and promote never rebuild, and an alias request that
// Backout did not make is not believed.
//
// Start reading at Client.Actions (client.go), then change.go (rollback and promote
// are one road) and judge.go, which tells from the project whether a change
// happened: Vercel has no job to ask for, only project.lastAliasRequest.
//
// Facts are from Vercel's OpenAPI document; what is not in it (rollbackInfo, the
// text of the 409) is what Vercel's own CLI sends and reads.
package vercel
