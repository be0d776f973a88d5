package main

// shopOptions vary a world.
type shopOptions struct {
	// Crash takes the binary with crash points.
	Crash bool
	// Kind asks for a sandbox without misbehaviour.
	Kind bool
	// Workflows overrides playbooks by a folder.
	Workflows string
	// Shops adds that many projects shop1, shop2 and so on, each with a Vercel
	// project of its own.
	Shops int
	// NATSURL names an external server; Env is added to Backout's environment.
	NATSURL string
	Env     []string
	// MaxLog is nats.max_log, its default when empty.
	MaxLog string
	// Disk gives the data folder a disk of its own of this size, such as 64m.
	Disk string
	// Repository has Backout read that repository of the sandbox's GitHub.
	Repository string
	// World is what the sandbox's GitHub holds before Backout looks.
	World map[string]any
	// Switch gives checkout a switch at Vercel, with a proof on the site.
	Switch bool
	// Maintenance gives the site a switch of its own that puts a maintenance page up.
	Maintenance bool
	// SwitchSQL gives it a row of Database instead, SwitchHTTP a service at this address.
	SwitchSQL  bool
	SwitchHTTP string
	// Controls is the address of the control probes; with it, Backout asks a probe, too.
	Controls string
	// Watches watches promotions by Prometheus, Sentry and a probe.
	Watches bool
	// Upstreams reads a status page and the health of a Supabase project.
	Upstreams bool
	// Database is the address of a PostgreSQL whose migrations Backout reads.
	Database string
	// AppRole is the role the shop writes to Database as.
	AppRole string
	// Prisma is the checkout whose CLI migrates Database; with it people may empty that,
	// and Cat is on call, too.
	Prisma string
	// Copies is the folder of the copies that Backout takes of Database.
	Copies string
	// Check counts what is wrong with the data, Loss what a restore would lose since $1.
	Check, Loss string
	// Heartbeat is told that Backout works.
	Heartbeat bool
	// Serve are more arguments of serve.
	Serve []string
	// Veto lets policy roll back alone after it, PerHour bounds how often.
	Veto    string
	PerHour int
	// Probe has an own probe, which the deployment to go back to is asked as well.
	Probe bool
	// CuredWithin and ProvenWithin bound the gates after a rollback, when not empty.
	CuredWithin, ProvenWithin, ProvenEvery string
	// Cured is how often in a row the symptom must be gone, 2 when 0.
	Cured int
	// Buyers asks Database whom an incident touched and, with Payments, what is unpaid.
	Buyers bool
	// MailAfter is how long it must last before everybody is mailed, 1ms when empty.
	MailAfter string
	// Mode is that of the whole configuration, live when empty. With it, policy would
	// do everything alone. Meter stands between Backout and the sandbox.
	Mode  string
	Meter *meter
	// Payments asks the sandbox's Stripe and Toss which webhooks did not arrive.
	Payments bool
}
