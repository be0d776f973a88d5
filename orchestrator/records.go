package orchestrator

import "encoding/json"

// Record is one fact or request inside an entry; exactly one field is set.
type Record struct {
	Genesis  *Genesis     `json:"genesis,omitempty"`
	Doc      *Doc         `json:"doc,omitempty"`
	Token    *Token       `json:"token,omitempty"`
	Inbox    *InboxRange  `json:"inbox,omitempty"`
	Event    *Event       `json:"ev,omitempty"`
	Bad      *Bad         `json:"bad,omitempty"`
	Command  *Command     `json:"cmd,omitempty"`
	Claim    *Claim       `json:"claim,omitempty"`
	Intent   *Intent      `json:"intent,omitempty"`
	Result   *Result      `json:"result,omitempty"`
	Preview  *Previewed   `json:"preview,omitempty"`
	Measure  *Measured    `json:"measure,omitempty"`
	Verified *Verified    `json:"verified,omitempty"`
	Observed *Observed    `json:"observed,omitempty"`
	Timer    *TimerFired  `json:"timer,omitempty"`
	Deploys  *Deployments `json:"deploys,omitempty"`
	Reading  *Reading     `json:"read,omitempty"`
	Upstream *Upstream    `json:"up,omitempty"`
	Obs      *Obs         `json:"obs,omitempty"`

	Migrations *CommitMigrations `json:"mig,omitempty"`
	Schema     *SchemaRead       `json:"schema,omitempty"`
	Digest     *DigestDue        `json:"digest,omitempty"`
	Restore    *RestorePointSeen `json:"restore,omitempty"`
	Class      *MigrationClass   `json:"class,omitempty"`
	Rows       *MigrationRows    `json:"rows,omitempty"`

	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Trim       *Trim       `json:"trim,omitempty"`
	Clock      *ClockJump  `json:"clock,omitempty"`
	Finding    *Finding    `json:"finding,omitempty"`
	Redacted   *Redacted   `json:"redacted,omitempty"`
}

// Genesis is the first record of a log.
type Genesis struct {
	LogID      string `json:"log_id"`
	Partitions int    `json:"partitions"`
	// FoldVersion is the behaviour the log starts with.
	FoldVersion int `json:"fold_version"`
	// Lineage names the installation over all the logs it has had; step keys are
	// made of it. Empty means LogID.
	Lineage string `json:"lineage,omitempty"`
	// After is set when this log goes on where another one ended: after a move
	// to a cluster, or from a backup.
	After *After `json:"after,omitempty"`
}

// After is the place of an earlier log that a log goes on from.
type After struct {
	LogID string `json:"log_id"`
	Seq   uint64 `json:"seq"`
	Chain string `json:"chain"`
	// Restored is set when what happened after Seq is not known: nothing acts
	// alone until a person has looked.
	Restored bool `json:"restored,omitempty"`
}

// Checkpoint says which chain an instance has at an entry; another one that has
// another chain there has read another log.
type Checkpoint struct {
	Seq   uint64 `json:"seq"`
	Chain string `json:"chain"`
}

// Trim says that entries up to UpTo may leave the log because a snapshot holds
// what they led to.
type Trim struct {
	UpTo     uint64 `json:"up_to"`
	Snapshot string `json:"snapshot"`
}

// ClockJump says that the wall clock of an instance moved by Delta milliseconds
// against the time since the machine booted.
type ClockJump struct {
	Instance string `json:"instance"`
	Delta    int64  `json:"delta"`
}

// Finding is something that should not be, as Backout sees it of itself.
type Finding struct {
	// Kind groups findings: one page for each kind. Key tells those of a kind
	// apart. Gone is set when it is over.
	Kind string `json:"kind"`
	Key  string `json:"key"`
	Text string `json:"text,omitempty"`
	Gone bool   `json:"gone,omitempty"`
}

// Redacted says that the body of an entry was taken out of the log.
type Redacted struct {
	Seq    uint64 `json:"seq"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Doc kinds.
const (
	DocConfig   = "config"
	DocRules    = "rules"
	DocPlaybook = "playbook"
)

// Doc is a document the fold works with, named by the SHA-256 of its body.
type Doc struct {
	Kind string          `json:"kind"`
	Name string          `json:"name,omitempty"`
	Hash string          `json:"hash"`
	Body json.RawMessage `json:"body"`
	By   string          `json:"by,omitempty"`
}

// Token is an API token of a person; only its SHA-256 is stored.
type Token struct {
	Hash   string `json:"hash"`
	Person string `json:"person"`
	// Scope is "admin", "person" or "publish".
	Scope   string `json:"scope"`
	Label   string `json:"label,omitempty"`
	Revoked bool   `json:"revoked,omitempty"`
	// Project is the one a token of the scope publish may speak for; older ones have
	// none and may speak for all.
	Project string `json:"project,omitempty"`
}

// InboxRange says which messages of the inbox an entry carries.
type InboxRange struct {
	ID   string `json:"id"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Event types, as outsiders send them.
const (
	DeployCreated    = "backout.deploy.created"
	DeploySucceeded  = "backout.deploy.succeeded"
	DeployFailed     = "backout.deploy.failed"
	DeployPromoted   = "backout.deploy.promoted"
	DeployRolledBack = "backout.deploy.rolledback"
	AlertFiring      = "backout.alert.firing"
	AlertResolved    = "backout.alert.resolved"
	WebhookFailed    = "backout.webhook.failed"
	WebhookRecovered = "backout.webhook.recovered"
)

// Event is what an outsider sent, normalised and redacted. Times are Unix
// milliseconds; 0 means that the body had none.
type Event struct {
	// Origin is the authenticated ingress, such as http/alertmanager or
	// nats/shop; ids are compared within one origin only.
	Origin string `json:"origin"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	// Inbox is the event's sequence in the inbox, 0 when it came by HTTP.
	Inbox  uint64 `json:"in,omitempty"`
	Source string `json:"source,omitempty"`
	Time   int64  `json:"time,omitempty"`
	// Unsigned is set when nothing authenticated the sender.
	Unsigned bool `json:"unsigned,omitempty"`

	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Component   string `json:"component,omitempty"`

	Fingerprint string            `json:"fingerprint,omitempty"`
	Name        string            `json:"name,omitempty"`
	Severity    string            `json:"severity,omitempty"`
	Summary     string            `json:"summary,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Release     string            `json:"release,omitempty"`
	Value       string            `json:"value,omitempty"`
	StartsAt    int64             `json:"starts_at,omitempty"`
	// Single says that it tells of one thing that went wrong at StartsAt, such as a
	// payment whose webhook is missing, and not of something that lasts.
	Single bool `json:"single,omitempty"`
	// FirstSeen is when the sender saw this trouble for the first time ever.
	FirstSeen int64 `json:"first_seen,omitempty"`

	DeploymentID string `json:"deployment_id,omitempty"`
	URL          string `json:"url,omitempty"`
	Commit       string `json:"commit,omitempty"`
	Previous     string `json:"previous,omitempty"`

	Provider string   `json:"provider,omitempty"`
	Endpoint string   `json:"endpoint,omitempty"`
	EventIDs []string `json:"event_ids,omitempty"`
	Error    string   `json:"error,omitempty"`

	// Blob is the hash of the raw body, kept beside the log.
	Blob string `json:"blob,omitempty"`
	// Replay is set when a person hands in again what went to quarantine.
	Replay *Replay `json:"replay,omitempty"`
}

// Bad is something that arrived and could not be understood.
type Bad struct {
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	// Excerpt is the redacted beginning of the body, at most 512 bytes.
	Excerpt string `json:"excerpt,omitempty"`
	Blob    string `json:"blob,omitempty"`
}

// Command is what a person said. Person is who the ingress found by token or
// chat id; it is empty when nobody is known by that identity, and the fold then
// refuses. Args are the words after the verb.
type Command struct {
	ID     string `json:"id"`
	Via    string `json:"via"`
	Person string `json:"person,omitempty"`
	// Claimed is the outside identity (a Slack user id) for the refusal's text.
	Claimed string `json:"claimed,omitempty"`
	// Scope is the token's scope when one was used.
	Scope string `json:"scope,omitempty"`
	Verb  string `json:"verb"`
	// Incident is the number of INC-n, or 0 when left out.
	Incident uint64            `json:"incident,omitempty"`
	Step     string            `json:"step,omitempty"`
	Project  string            `json:"project,omitempty"`
	Args     map[string]string `json:"args,omitempty"`
	Text     string            `json:"text,omitempty"`
}

// Claim takes or releases a partition; the sequence of the entry is the epoch.
type Claim struct {
	Instance string `json:"instance"`
	Boot     string `json:"boot"`
	Released bool   `json:"released,omitempty"`
	// FoldVersion is what the claiming binary can fold.
	FoldVersion int `json:"fold_version"`
}

// StepRef names a step record.
type StepRef struct {
	N       uint64 `json:"n"`
	Ordinal int    `json:"o"`
	Round   int    `json:"rd,omitempty"`
	Chunk   int    `json:"c,omitempty"`
}

// Intent asks the fold for permission to make one attempt.
type Intent struct {
	StepRef
	Attempt string `json:"attempt"`
	// Try must be one more than the attempts the step has had.
	Try int `json:"try"`
}

// ResultKind says how an attempt ended.
type ResultKind string

// The ways an attempt ends. Retry means that nothing was done and another try
// is fine; NotStarted that the call was never made.
const (
	ResultDone       ResultKind = "done"
	ResultFailed     ResultKind = "failed"
	ResultRetry      ResultKind = "retry"
	ResultInDoubt    ResultKind = "in_doubt"
	ResultAccepted   ResultKind = "accepted"
	ResultSuperseded ResultKind = "superseded"
	ResultNotStarted ResultKind = "not_started"
)

// Result is the fact of how an attempt ended. It is never fenced.
type Result struct {
	StepRef
	Attempt    string          `json:"attempt"`
	Kind       ResultKind      `json:"kind"`
	Text       string          `json:"text,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	RetryAfter int64           `json:"retry_after,omitempty"`
	Accepted   *Accepted       `json:"accepted,omitempty"`
}

// Previewed carries what Action.Plan said.
type Previewed struct {
	StepRef
	Hash   string          `json:"hash"`
	Text   string          `json:"text"`
	Manual string          `json:"manual,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Chunks int             `json:"chunks,omitempty"`
	Error  string          `json:"error,omitempty"`
	// Gone is set when the error is permanent.
	Gone bool `json:"gone,omitempty"`
}

// Measured is one reading of a gate, or of a watch, which has no step.
type Measured struct {
	StepRef
	Data  json.RawMessage `json:"data,omitempty"`
	Error string          `json:"error,omitempty"`
	// NoData is set when the measure works and has nothing to say; Text is what it says
	// to people.
	NoData bool   `json:"no_data,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Verified is what Action.Verify found.
type Verified struct {
	StepRef
	Attempt    string          `json:"attempt"`
	Kind       OutcomeKind     `json:"kind"`
	Text       string          `json:"text,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	CheckAfter int64           `json:"check_after,omitempty"`
	Never      bool            `json:"never,omitempty"`
}

// Observed is what serves an environment, as its provider said at At.
type Observed struct {
	Project     string  `json:"project"`
	Environment string  `json:"environment"`
	At          int64   `json:"at"`
	Serving     Serving `json:"serving"`
	// Error is set when the provider could not be read.
	Error string `json:"error,omitempty"`
}

// Deployments is what a provider lists: the candidates a rollback may go to,
// newest first, with the time each was brought to production.
type Deployments struct {
	Project     string         `json:"project"`
	Environment string         `json:"environment"`
	At          int64          `json:"at"`
	List        []DeploymentAt `json:"list"`
	// More is set when the provider has older ones than those listed.
	More bool `json:"more,omitempty"`
	// Plan is the provider's, such as hobby; RetentionDays is after how many days
	// production deployments are deleted. Empty and 0: not told.
	Plan          string `json:"plan,omitempty"`
	RetentionDays int    `json:"retention_days,omitempty"`
	// Variables are production's, without values; none: not told.
	Variables []VariableAt `json:"variables,omitempty"`
	Crons     *CronsOf     `json:"crons,omitempty"`
}

// VariableAt is a variable of an environment and when it was changed last.
type VariableAt struct {
	Key string `json:"key"`
	At  int64  `json:"at"`
}

// CronsOf are the cron jobs that came with a deployment, "schedule path", sorted.
type CronsOf struct {
	Deployment string   `json:"deployment"`
	List       []string `json:"list,omitempty"`
}

// DeploymentAt is one line of a provider's list. Times are Unix milliseconds.
type DeploymentAt struct {
	ID        string `json:"id"`
	URL       string `json:"url,omitempty"`
	Commit    string `json:"commit,omitempty"`
	CreatedAt int64  `json:"created_at,omitempty"`
	// AliasedAt is when it first took production traffic; 0 when it never did.
	AliasedAt int64 `json:"aliased_at,omitempty"`
	Candidate bool  `json:"candidate,omitempty"`
	Ready     bool  `json:"ready,omitempty"`
}

// TimerFired says that a timer of the view is due.
type TimerFired struct {
	Due  int64  `json:"due"`
	N    uint64 `json:"n"`
	Name string `json:"name"`
}
