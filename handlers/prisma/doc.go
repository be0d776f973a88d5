// Package prisma runs the project's own Prisma CLI and tells by the database itself what
// came of it. It owns Prisma's table `_prisma_migrations`, its advisory lock and the
// words of its CLI; it decides nothing.
//
// Every call of the CLI is a job (package job): it outlives Backout, ends at its
// deadline, gets an allow-listed environment and keeps its output, redacted. Exit 0 is
// never believed alone, since the CLI exits 0 when its engine dies: the table is read
// before and after and compared. While somebody holds Prisma's advisory lock a migration
// is running, and nothing else is started.
//
//	prisma.status   read: the table against the folder, and what the CLI says
//	prisma.deploy   apply what is pending; Verifiable by the table
//	prisma.resolve  mark a failed migration applied or rolled back; Verifiable by the table
//	prisma.execute  run a reviewed SQL file; Once, since nothing records it
//	prisma.revert   run the reviewed way back of applied migrations; Verifiable by a mark
//	prisma.reset    drop everything and apply every migration anew; Verifiable by a mark
//
// The CLI's guard against dangerous actions stays what it is: no variable of consent is
// ever set, and a configuration that names one is refused. If it fires, its own words end
// the step.
//
// Set-up: a checkout of the project with its node_modules, on the commit that is to be
// migrated, and a direct connection (5432, no transaction pooler: Prisma's lock is one of
// the session).
//
//	database: {prisma: {folder: /srv/shop, url: env:DIRECT_URL}}
//
// Start reading at deploy.Do (deploy.go), then judge.go. What is known of the CLI was
// observed with Prisma 6.19 and 7.10.
package prisma
