// Package page owns the action page.oncall: telling people that they are needed,
// by every channel each of them can be reached on. It must not decide who is on
// call or whether to page again, and it knows no outside system: channels are
// given to it.
//
// Start reading at OnCall.Do (oncall.go).
package page
