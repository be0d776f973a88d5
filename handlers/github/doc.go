// Package github owns every call Backout makes to GitHub Actions: it starts a
// workflow and tells how its run ended. It decides nothing; which workflow and which
// ref are inputs. A dispatch is not idempotent, so each carries an op_id that a
// workflow puts into its run-name:
//
//	run-name: stage ${{ inputs.op_id }}
//	on: {workflow_dispatch: {inputs: {op_id: {required: false, type: string}}}}
//
// After a lost answer the run is looked for by it before anybody dispatches again.
//
// Start reading at workflow.Do (workflow.go), then verify.go. Facts are from GitHub's
// REST documentation and go-github v88.
package github
