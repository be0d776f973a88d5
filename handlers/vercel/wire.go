package vercel

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// project is GET /v9/projects/{idOrName} as far as Backout reads it.
type project struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	AutoAssign bool          `json:"autoAssignCustomDomains"`
	Last       *aliasRequest `json:"lastAliasRequest"`
	Targets    struct {
		Production *struct {
			ID   string `json:"id"`
			Plan string `json:"plan"`
		} `json:"production"`
	} `json:"targets"`
	Crons *struct {
		Deployment  string `json:"deploymentId"`
		Definitions []struct {
			Path     string `json:"path"`
			Schedule string `json:"schedule"`
		} `json:"definitions"`
	} `json:"crons"`
	Expiration struct {
		Production int `json:"expirationDaysProduction"`
		Keep       int `json:"deploymentsToKeep"`
	} `json:"deploymentExpiration"`
	// Rolling is the configuration of rolling releases; null when there is none.
	Rolling json.RawMessage `json:"rollingRelease"`
}

// aliasRequest is the newest rollback or promote anybody asked for, however old.
type aliasRequest struct {
	From   string `json:"fromDeploymentId"`
	To     string `json:"toDeploymentId"`
	Status string `json:"jobStatus"`
	// At is in Unix milliseconds.
	At   int64  `json:"requestedAt"`
	Type string `json:"type"`
}

// running tells whether the request is still being worked on.
func (r *aliasRequest) running() bool {
	return r != nil && (r.Status == "pending" || r.Status == "in-progress")
}

// is tells whether this is a request of that kind to that deployment.
func (r *aliasRequest) is(kind, target string) bool {
	return r != nil && r.Type == kind && r.To == target
}

// rollingRelease is GET /v1/projects/{idOrName}/rolling-release.
type rollingRelease struct {
	Release *struct {
		State   string     `json:"state"`
		Current *reference `json:"currentDeployment"`
		Canary  *reference `json:"canaryDeployment"`
	} `json:"rollingRelease"`
}

type reference struct {
	ID string `json:"id"`
}

// aliasList is GET /v4/aliases.
type aliasList struct {
	Aliases []struct {
		Alias      string `json:"alias"`
		Deployment string `json:"deploymentId"`
	} `json:"aliases"`
}

// deployment is a row of GET /v6/deployments, where the id is called uid, or GET
// /v13/deployments/{id}, where it is called id.
type deployment struct {
	UID       string  `json:"uid"`
	OneID     string  `json:"id"`
	URL       string  `json:"url"`
	Created   int64   `json:"created"`
	CreatedAt int64   `json:"createdAt"`
	Ready     int64   `json:"ready"`
	State     string  `json:"readyState"`
	Substate  string  `json:"readySubstate"`
	Target    *string `json:"target"`
	Candidate *bool   `json:"isRollbackCandidate"`
	// Assigned is Unix milliseconds, true or false.
	Assigned json.RawMessage `json:"aliasAssigned"`
	Meta     map[string]any  `json:"meta"`
}

type deploymentList struct {
	Deployments []deployment `json:"deployments"`
}

func (d deployment) id() string { return cmp.Or(d.UID, d.OneID) }

func (d deployment) created() int64 { return cmp.Or(d.Created, d.CreatedAt) }

func (d deployment) production() bool { return d.Target != nil && *d.Target == "production" }

func (d deployment) ready() bool { return d.State == "READY" }

// commit is what was built, from whichever Git host.
func (d deployment) commit() string {
	for _, host := range []string{"github", "gitlab", "bitbucket"} {
		if sha, ok := d.Meta[host+"CommitSha"].(string); ok && sha != "" {
			return sha
		}
	}
	return ""
}

// of tells whether it was built from commit, which may be shortened to seven
// characters or more.
func (d deployment) of(commit string) bool {
	sha := d.commit()
	return sha != "" && (sha == commit || (len(commit) >= 7 && strings.HasPrefix(sha, strings.ToLower(commit))))
}

// aliasedAt is when it took production traffic, 0 when it never did.
func (d deployment) aliasedAt() int64 {
	var at int64
	if json.Unmarshal(d.Assigned, &at) == nil && at > 0 {
		return at
	}
	if string(d.Assigned) == "true" {
		return cmp.Or(d.Ready, d.created())
	}
	return 0
}

// apiError is the body of a refusal; some endpoints call it err.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Invalid and Missing are how a 403 says that the token itself is no good.
	Invalid bool `json:"invalidToken"`
	Missing bool `json:"missingToken"`
}

func errorOf(body []byte) apiError {
	var in struct {
		Error, Err apiError
	}
	if json.Unmarshal(body, &in) != nil {
		return apiError{Message: "no reason given"}
	}
	e := in.Error
	if e == (apiError{}) {
		e = in.Err
	}
	e.Message = strings.TrimSuffix(cmp.Or(e.Message, "no reason given"), ".")
	return e
}

// wrongID says that an input of a step is no deployment's id.
func wrongID(c orchestrator.Call, name, id string) error {
	return orchestrator.Permanent(fmt.Errorf("%s %q of step %s is not a deployment id (dpl_…)", name, id, c.Step))
}

var isDeployment = regexp.MustCompile(`^dpl_[A-Za-z0-9_-]{1,64}$`)
