// Package spectest owns the question "does this call match the provider's own
// OpenAPI document?". It is support for tests and no part of the binary; it must
// not know any handler.
//
// Start with Checker.Check, which judges a request; Checker.Response judges an
// answer. The documents are not part of this repository: without them a test is
// skipped by name, and fails when the environment variable CI is set.
package spectest
