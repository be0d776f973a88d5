package orchestrator

import "encoding/json"

// Incident is the header of an incident: what is broken, where, since when, who
// is blamed, and which plan runs. Its steps are records of their own. Times are
// Unix milliseconds of entries.
type Incident struct {
	N           uint64        `json:"n"`
	State       IncidentState `json:"state"`
	Since       int64         `json:"since"`
	Severity    string        `json:"severity"`
	Title       string        `json:"title"`
	Project     string        `json:"project"`
	Environment string        `json:"env"`
	Component   string        `json:"component,omitempty"`
	Partition   int           `json:"p,omitempty"`
	OpenedAt    int64         `json:"opened_at"`
	OpenedBy    string        `json:"opened_by"`
	// OpenedSeq is the entry that opened it, whose words the title has.
	OpenedSeq uint64 `json:"opened_seq,omitempty"`
	// StartedAt is when it began for users, as far as the signals tell.
	StartedAt int64 `json:"started_at"`
	// EndedAt is when the symptom was found gone, 0 while it is not.
	EndedAt int64 `json:"ended_at,omitempty"`
	// ChangedAt is when something else began to serve while this was open.
	ChangedAt int64    `json:"changed_at,omitempty"`
	Ack       *Ack     `json:"ack,omitempty"`
	Suspect   *Suspect `json:"suspect,omitempty"`
	// Runs lists the plans this incident has had; the last one leads.
	Runs []Run `json:"runs,omitempty"`
	// Requester is the person who asked for the rollback by hand.
	Requester string `json:"requester,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Firing counts the alerts that fire now; Distinct the different signals.
	Firing   int `json:"firing,omitempty"`
	Distinct int `json:"distinct,omitempty"`
	// Left counts the signals that were taken out again: by a split.
	Left     int   `json:"left,omitempty"`
	SignalAt int64 `json:"signal_at,omitempty"`
	// Timed is false when the newest signal carried no time of its own.
	Timed bool `json:"timed,omitempty"`
	// Effects counts the effects that were started, Fallbacks the playbooks that
	// failures opened.
	Effects   int `json:"effects,omitempty"`
	Fallbacks int `json:"fallbacks,omitempty"`
	// Crowded is set when the timeline tells no more of single signals.
	Crowded bool `json:"crowded,omitempty"`
	// Dismissed is set when a person said that it was none.
	Dismissed bool `json:"dismissed,omitempty"`
	// Stopped says who stopped the plan.
	Stopped string `json:"stopped,omitempty"`
	Snooze  int64  `json:"snooze,omitempty"`
	// ToldAt is when the public page last said something of it, UpdateDue when users
	// are to hear more; 0 when nothing is due.
	ToldAt    int64 `json:"told_at,omitempty"`
	UpdateDue int64 `json:"update_due,omitempty"`
	// SnoozeRank and SnoozeSources are how bad it was when it was snoozed.
	SnoozeRank    int `json:"snooze_rank,omitempty"`
	SnoozeSources int `json:"snooze_sources,omitempty"`
	// Pending is the playbook that leads once the trouble is confirmed, at the
	// latest at Confirm.
	Pending string `json:"pending,omitempty"`
	Confirm int64  `json:"confirm,omitempty"`
	// PagedAt is when people were paged last, PagedRank how bad it was then; Times
	// counts how often it came back.
	PagedAt   int64 `json:"paged_at,omitempty"`
	PagedRank int   `json:"paged_rank,omitempty"`
	Times     int   `json:"times,omitempty"`
	// Flaps is when signals that flap are looked at.
	Flaps int64 `json:"flaps,omitempty"`
	// CheckSuspect says why the check rather than a deployment is suspect: different
	// deployments failed it.
	CheckSuspect string `json:"check_suspect,omitempty"`
	// Cleared is the deployment that was found not to be the cause.
	Cleared string `json:"cleared,omitempty"`
	// Upstream is the node that several projects of this incident depend on; Also
	// lists those beside its own.
	Upstream string  `json:"upstream,omitempty"`
	Also     []Place `json:"also,omitempty"`
	// Overflow counts what was past the budget of its sender, or past maxSignals.
	Overflow int               `json:"overflow,omitempty"`
	Answers  map[string]string `json:"answers,omitempty"`
	// Lines is how many timeline lines there are; Extra how many steps outside
	// the plan (pages, chat messages).
	Lines uint32 `json:"lines,omitempty"`
	Extra int    `json:"extra,omitempty"`
	// StoppedAt is when a person ended its plan.
	StoppedAt int64 `json:"stopped_at,omitempty"`
	// Timer is when the incident's own timer is due: close, or subside.
	Timer int64 `json:"timer,omitempty"`
	// Off are the components that it switched off, oldest first.
	Off []SwitchedOff `json:"off,omitempty"`
}

// Place is an environment of a project.
type Place struct {
	Project     string `json:"project"`
	Environment string `json:"env"`
}

// Run is one plan of an incident. Its steps carry its Round.
type Run struct {
	Round    int    `json:"round"`
	Playbook string `json:"playbook"`
	Plan     string `json:"plan"`
}

// Run is the plan that leads now; zero when none was started.
func (i *Incident) Run() Run {
	if len(i.Runs) == 0 {
		return Run{}
	}
	return i.Runs[len(i.Runs)-1]
}

// Ack is the fact that a person has seen it.
type Ack struct {
	By      string `json:"by"`
	At      int64  `json:"at"`
	Expires int64  `json:"expires"`
}

// Suspect is the deployment that is blamed, with a score from 0 to 1000 and the
// reasons that made it.
type Suspect struct {
	DeploymentID string   `json:"deployment_id"`
	Commit       string   `json:"commit,omitempty"`
	Score        int      `json:"score"`
	Reasons      []string `json:"reasons"`
	Sources      int      `json:"sources,omitempty"`
	PromotedAt   int64    `json:"promoted_at,omitempty"`
}

// Step is the record of one node of a plan at one round, or of one chunk of it,
// or of something outside the plan (Extra then holds the node).
type Step struct {
	StepRef
	// ID is the node's id, unique within its plan.
	ID    string    `json:"id"`
	State StepState `json:"state"`
	Since int64     `json:"since"`
	// Tries counts accepted intents and never goes back; Failures those that
	// ended without effect since a person last said retry. FirstTry is when the
	// first was accepted.
	Tries    int      `json:"tries,omitempty"`
	Failures int      `json:"failures,omitempty"`
	FirstTry int64    `json:"first_try,omitempty"`
	Attempt  *Attempt `json:"attempt,omitempty"`

	// Trying is since when the budget of time runs, Held since when the step is
	// held back, which does not count; Offered is when it became ready first. Idle
	// counts attempts that led to nothing. All since a person last decided.
	Trying  int64 `json:"trying,omitempty"`
	Held    int64 `json:"held,omitempty"`
	Offered int64 `json:"offered,omitempty"`
	Idle    int   `json:"idle,omitempty"`
	// Parked is when it was left to a person, 0 when it was not.
	Parked int64 `json:"parked,omitempty"`
	// Agreed is set when all who must agree have.
	Agreed bool `json:"agreed,omitempty"`

	Inputs   json.RawMessage `json:"inputs,omitempty"`
	Preview  *StepPreview    `json:"preview,omitempty"`
	Approval *Approval       `json:"approval,omitempty"`
	Gate     *GateReading    `json:"gate,omitempty"`

	// Asked is set while a failure is put to people.
	Asked  bool            `json:"asked,omitempty"`
	Answer string          `json:"answer,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
	// Reason says why the step is where it is; Waiting on what it waits.
	Reason  string `json:"reason,omitempty"`
	Waiting string `json:"waiting,omitempty"`

	// Work is what an executor is to do for it now; Prio and ReadySeq are its
	// place in BucketReady.
	Work     Work   `json:"work,omitempty"`
	Prio     byte   `json:"prio,omitempty"`
	ReadySeq uint64 `json:"ready_seq,omitempty"`

	// Token and Until belong to an accepted request.
	Token string `json:"token,omitempty"`
	Until int64  `json:"until,omitempty"`
	// Looks counts verifications that could not tell.
	Looks int `json:"looks,omitempty"`
	// Timer is when the step's own timer is due, 0 for none.
	Timer int64 `json:"timer,omitempty"`

	Chunks     int `json:"chunks,omitempty"`
	ChunksDone int `json:"chunks_done,omitempty"`

	Extra *Node `json:"extra,omitempty"`
}

// Attempt is one accepted intent.
type Attempt struct {
	ID    string `json:"id"`
	Epoch uint64 `json:"epoch"`
	At    int64  `json:"at"`
	// Auto is set when policy decided, not a person.
	Auto bool `json:"auto,omitempty"`
}

// StepPreview is what people were shown, by hash.
type StepPreview struct {
	Hash   string          `json:"hash"`
	Text   string          `json:"text"`
	Manual string          `json:"manual,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	At     int64           `json:"at"`
}

func (v *StepPreview) clone() *StepPreview {
	if v == nil {
		return nil
	}
	w := *v
	return &w
}

// GateReading is where a gate stands.
type GateReading struct {
	Started     int64  `json:"started"`
	Until       int64  `json:"until"`
	Passes      int    `json:"passes,omitempty"`
	Consecutive int    `json:"consecutive"`
	Measured    int    `json:"measured,omitempty"`
	Verdict     string `json:"verdict,omitempty"`
	// Result is pass, fail, no data or error, of the newest reading; Verdict is that with
	// what was seen. A reading that saw less than MinSample has no data.
	Result    string `json:"result,omitempty"`
	MinSample int64  `json:"min_sample,omitempty"`
}

// Work is what an executor does for a step.
type Work string

// The kinds of work. Only WorkDo needs an intent: the others read.
const (
	WorkDo      Work = "do"
	WorkPreview Work = "preview"
	WorkMeasure Work = "measure"
	WorkVerify  Work = "verify"
)

// Signal is an alert or webhook failure of an incident, counted.
type Signal struct {
	Fingerprint string `json:"fingerprint"`
	Name        string `json:"name"`
	Source      string `json:"source,omitempty"`
	Severity    string `json:"severity,omitempty"`
	Summary     string `json:"summary,omitempty"`
	Component   string `json:"component,omitempty"`
	Release     string `json:"release,omitempty"`
	Firing      bool   `json:"firing"`
	Count       int    `json:"count"`
	First       int64  `json:"first"`
	Last        int64  `json:"last"`
	StartsAt    int64  `json:"starts_at,omitempty"`
	// FirstSeen is when its sender saw it for the first time ever.
	FirstSeen int64 `json:"first_seen,omitempty"`
	// Project and Environment are set when they are not the incident's own.
	Project     string `json:"project,omitempty"`
	Environment string `json:"env,omitempty"`
	// Hits is how many different failures it stands for.
	Hits int `json:"hits,omitempty"`
	// Fired are the last times it began to fire; Ended is set while it is well
	// but has flapped so much that it still counts as firing.
	Fired []int64 `json:"fired,omitempty"`
	Ended int64   `json:"ended,omitempty"`
	// Raw names the raw bodies of its first and its newest events.
	Raw []Raw `json:"raw,omitempty"`
	// Single says that it tells of one thing that went wrong at StartsAt, and that was not
	// put right since.
	Single bool `json:"single,omitempty"`
}

// Line is one line of a timeline.
type Line struct {
	At    int64  `json:"at"`
	Actor string `json:"actor"`
	Text  string `json:"text"`
	Seq   uint64 `json:"seq,omitempty"`
}

// Deployment is what the ledger knows of one deployment.
type Deployment struct {
	ID     string `json:"id"`
	URL    string `json:"url,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Release is the name it was published under, such as shop@2.41.0.
	Release string `json:"release,omitempty"`
	At      int64  `json:"at"`
	// Served lists when it served production, from and to; To is 0 while it does.
	Served    []Span `json:"served,omitempty"`
	Candidate bool   `json:"candidate,omitempty"`
	Ready     bool   `json:"ready,omitempty"`
	// Bad says why it must not be gone back to.
	Bad string `json:"bad,omitempty"`
	// Proven is set when it served and its watch passed.
	Proven bool `json:"proven,omitempty"`
	// Listed is set once the provider listed it, Gone when it does not any more.
	Listed bool `json:"listed,omitempty"`
	Gone   bool `json:"gone,omitempty"`
	// Domains say when it served each domain, the newest 40 times.
	Domains []DomainSpan `json:"domains,omitempty"`
	// Migrations are those of its commit; nil when they were not read.
	Migrations *Migrations `json:"migrations,omitempty"`
	// Crons came with it, "schedule path"; nil when they were not read.
	Crons *[]string `json:"crons,omitempty"`
}

// Migrations are the migrations in a commit: the newest 50 names of All, sorted.
type Migrations struct {
	Names []string `json:"names,omitempty"`
	All   int      `json:"all"`
}

// DomainSpan is a time in which a domain was served.
type DomainSpan struct {
	Host string `json:"host"`
	Span
}

// Span is a time from-to in Unix milliseconds; To is 0 while it lasts.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to,omitempty"`
}

// EnvState is what is known and decided about one environment.
type EnvState struct {
	Serving *Observed `json:"serving,omitempty"`
	// SeenSeq is the entry that brought the observation.
	SeenSeq uint64 `json:"seen_seq,omitempty"`
	// BlindSince is set while the provider cannot be read.
	BlindSince int64  `json:"blind_since,omitempty"`
	Lock       uint64 `json:"lock,omitempty"`
	Hold       *Hold  `json:"hold,omitempty"`
	// Autos are the times of automatic effects in the last hour.
	Autos []int64 `json:"autos,omitempty"`
	// Tripped is when the breaker opened; a person re-arms it.
	Tripped int64 `json:"tripped,omitempty"`
	// Promoted is the newest promotion, RolledBack that it was a rollback.
	Promoted   string `json:"promoted,omitempty"`
	PromotedAt int64  `json:"promoted_at,omitempty"`
	Commit     string `json:"commit,omitempty"`
	// Release is the name the newest promotion was published under.
	Release    string `json:"release,omitempty"`
	RolledBack bool   `json:"rolled_back,omitempty"`
	// Hinted is set while Promoted was told and not seen at the provider.
	Hinted bool `json:"hinted,omitempty"`
	// Told is the deployment of which the ops channel was told last.
	Told string `json:"told,omitempty"`
	// Webhooks are the recent distinct webhook failures.
	Webhooks []WebhookAt `json:"webhooks,omitempty"`
}

// WebhookAt is one distinct webhook failure.
type WebhookAt struct {
	ID string `json:"id"`
	At int64  `json:"at"`
	// Of groups what alerts are about; empty for webhooks.
	Of string `json:"of,omitempty"`
}

// Hold keeps everybody but its own plan from bringing anything new to
// production.
type Hold struct {
	N      uint64 `json:"n,omitempty"`
	By     string `json:"by"`
	Reason string `json:"reason"`
	Since  int64  `json:"since"`
	// Owner is the person who answers for it; Until is when it ends by itself, 0 when
	// somebody has to lift it.
	Owner string `json:"owner,omitempty"`
	Until int64  `json:"until,omitempty"`
}

// Owner is who may act for a partition.
type Owner struct {
	Epoch    uint64 `json:"epoch"`
	Instance string `json:"instance"`
	Boot     string `json:"boot"`
	Released bool   `json:"released,omitempty"`
}

// StatusPost is what the public page says about a component.
type StatusPost struct {
	Project   string `json:"project"`
	Component string `json:"component"`
	Incident  string `json:"incident,omitempty"`
	Kind      string `json:"kind"`
	Text      string `json:"text"`
	At        int64  `json:"at"`
}
