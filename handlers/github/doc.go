// Package github owns every call Backout makes to GitHub: it starts a workflow and
// tells how its run ended, and it reads what GitHub has to say about a repository
// (Source), in the same words as the webhook does (events.go). It decides nothing;
// which workflow and which ref are inputs. A dispatch is not idempotent, so each carries an op_id that a
// workflow puts into its run-name:
//
//	run-name: stage ${{ inputs.op_id }}
//	on: {workflow_dispatch: {inputs: {op_id: {required: false, type: string}}}}
//
// After a lost answer the run is looked for by it before anybody dispatches again.
//
// It also keeps what lies between two commits (compare.go), holds a branch against the
// migrations that were applied (migrations.go), and opens a pull request that reverts
// another (revert.go): that one is GraphQL, which answers 200 for what it refuses.
//
// To set up the reading: a fine-grained token with Deployments, Actions and Secret
// scanning alerts: read, and repository: OWNER/NAME at the project. The webhook is
// the gateway's, which takes the types Deployed, Run and Leak from here.
//
// Start reading at workflow.Do (workflow.go), then verify.go; for the reading at
// Source.Poll (poll.go). Facts are from GitHub's
// REST documentation and go-github v88.
package github
