package configs

import (
	"fmt"
	"slices"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Stripe is the account that is asked which webhooks it could not deliver.
type Stripe struct {
	// Key is a restricted key that may read events and webhook endpoints.
	Key Secret `yaml:"key"`
	// Project is whose payments these are; an empty Environment is its production.
	Project     string `yaml:"project"`
	Environment string `yaml:"environment"`
	Component   string `yaml:"component"`
	// Endpoints are the ids (we_…) of the webhook endpoints that must be enabled;
	// none means all of the account.
	Endpoints []string `yaml:"endpoints"`
	// Poll is how often it is asked, 0 means 30 s. Grace is how old an event is before
	// it counts as undelivered, 0 means 2 min. LookBack is how far back is read, 0
	// means 3 days, at most 6.
	Poll         Duration  `yaml:"poll"`
	Grace        Duration  `yaml:"grace"`
	LookBack     Duration  `yaml:"look_back"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// Toss is the shop at TossPayments that is asked what it says of a payment, and
// which transactions there were.
type Toss struct {
	// Key is the secret key of the shop.
	Key Secret `yaml:"key"`
	// Project is whose payments these are; an empty Environment is its production.
	Project     string `yaml:"project"`
	Environment string `yaml:"environment"`
	Component   string `yaml:"component"`
	// Poll is how often it is asked, 0 means 1 min. Grace is how old a transaction is
	// before its webhook counts as missed, 0 means 5 min. LookBack is how far back is
	// read, 0 means 24 h, at most 6 days.
	Poll         Duration  `yaml:"poll"`
	Grace        Duration  `yaml:"grace"`
	LookBack     Duration  `yaml:"look_back"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
	// Pending asks the environment's database for the payments of $from to $to that are
	// not paid there: two columns, the payment key and the order id. After an incident
	// Toss is asked what became of each.
	Pending string `yaml:"pending"`
}

// longestLookBack is under the seven days for which ids are remembered: what was
// raised once is known for longer than it can be found again.
const longestLookBack = Duration(6 * 24 * time.Hour)

func (k *checker) payments() {
	if s := k.c.Providers.Stripe; s != nil {
		k.need("providers.stripe", "key", s.Key)
		k.baseURL("providers.stripe", s.BaseURL, s.AllowPrivate)
		k.speaksFor("providers.stripe", s.Project, s.Environment, s.Component)
		k.looksBack("providers.stripe", s.LookBack, s.Grace, 3*24*time.Hour)
	}
	if t := k.c.Providers.Toss; t != nil {
		k.need("providers.toss", "key", t.Key)
		k.baseURL("providers.toss", t.BaseURL, t.AllowPrivate)
		k.speaksFor("providers.toss", t.Project, t.Environment, t.Component)
		k.looksBack("providers.toss", t.LookBack, t.Grace, 24*time.Hour)
		if e := k.c.Environment(t.Project, t.Environment); t.Pending != "" && (e == nil || !e.Database.EvidenceURL.IsSet()) {
			k.wrong("providers.toss.pending", "there is no database to ask", "write database: {evidence_url: env:NAME} at the environment whose payments these are")
		}
		if k.c.Hooks.Toss == nil {
			k.warn("providers.toss", "no webhook of Toss can arrive, so none can be missed and payments are not looked at", "add hooks.toss, or take providers.toss out")
		}
	}
}

// looksBack checks the bounds of a poll; standard is the look-back when none is
// written.
func (k *checker) looksBack(path string, back, grace Duration, standard time.Duration) {
	if back > longestLookBack {
		k.wrong(path+".look_back", "what was raised is not known for that long and would be raised again", "write at most 6d")
	}
	if back == 0 {
		back = Duration(standard)
	}
	if grace >= back {
		k.wrong(path+".grace", "nothing is older than the grace and within the look-back", "make it shorter than look_back")
	}
}

// speaksFor checks that a provider speaks for something that is configured.
func (k *checker) speaksFor(path, project, environment, component string) {
	i := slices.IndexFunc(k.c.Projects, func(p Project) bool { return p.ID == project })
	if i < 0 {
		k.wrong(path+".project", fmt.Sprintf("there is no project %q", project), "write the id of the project whose payments these are")
		return
	}
	p := k.c.Projects[i]
	if environment != "" && !slices.ContainsFunc(p.Environments, func(e Environment) bool { return e.ID == environment }) {
		k.wrong(path+".environment", fmt.Sprintf("project %s has no environment %q", project, environment), "write one of its environments, or leave it out for production")
	}
	if component != "" && !slices.ContainsFunc(p.Components, func(c Component) bool { return c.ID == component }) {
		k.wrong(path+".component", fmt.Sprintf("project %s has no component %q", project, component), "write one of its components, or leave it out")
	}
}

// Environment is one by its names, nil when there is none; an empty environment is the first of kind production.
func (c *Config) Environment(project, env string) *Environment {
	for i := range c.Projects {
		for j := range c.Projects[i].Environments {
			e := &c.Projects[i].Environments[j]
			if c.Projects[i].ID == project && (e.ID == env || env == "" && e.Kind == orchestrator.KindProduction) {
				return e
			}
		}
	}
	return nil
}
