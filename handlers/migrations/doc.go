// Package migrations reads a folder of Prisma migrations and says of every statement
// whether the code from before it can still work: read and write the new schema, with
// the rows the new code has already written.
//
// It gives facts and decides nothing: which verdict follows from a class is the fold's
// business. The statements are read by PostgreSQL's own parser (github.com/wasilibs/go-pgquery,
// compiled to WebAssembly; no cgo). Only its package parser is imported: its root package
// pulls the C sources of another module into every build that has a C compiler. Loading
// it takes about a second and a half, so it is loaded by the first statement; a build
// with the race detector makes that eleven, so the tests that need it are run without.
//
// What is not known is never called additive: a statement is judged by rules.go, node
// kind by node kind, and each rule names the fields it has understood. Anything else is
// of the class Unknown, which counts as breaking.
//
// Start reading at class.go (the answers), then rules.go (who judges what), judge.go
// (one script) and folder.go (prisma/migrations). Where the rows decide, the answer
// comes with a read-only query that returns one number, made in evidence.go. What the log keeps of it is made in record.go.
package migrations
