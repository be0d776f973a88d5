// Package probe asks web addresses whether they are well: the actions probe.http, a
// read for gates and playbooks, and probe.target, which asks the same of the deployment
// to go back to; and the probes that are polled.
//
// It talks HTTP to the addresses of the configuration and to nothing else, and
// decides nothing: what a failed probe means is the playbook's business. Start
// reading at probe.go.
package probe
