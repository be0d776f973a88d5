package orchestrator

// The actions that take the right to write from the application and give it back.
const (
	ReadOnly  = "postgres.readonly"
	ReadWrite = "postgres.readwrite"
)

// AccessSpec describes ReadOnly and ReadWrite: marks and privileges tell what is there.
func AccessSpec(action string) Spec {
	return Spec{
		Name: action, Effect: true, Safety: Verifiable, CallTimeout: 30_000, Settle: 5_000,
		Permissions: []string{"to grant and revoke on the tables of the application, and to end its sessions"},
	}
}

// Access is what both actions tell of the read-only they are about. Since is Unix
// milliseconds; By is the incident that took the rights from Roles, 0 and empty when none
// was in force.
type Access struct {
	Since int64    `json:"since,omitempty"`
	By    string   `json:"by,omitempty"`
	Roles []string `json:"roles,omitempty"`
}
