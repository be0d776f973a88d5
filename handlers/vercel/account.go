package vercel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Account is what a token says of itself, of its owner and of the team. Vercel does
// not tell all of it to every token: what is not told is empty.
type Account struct {
	// Token is its name; Reach is account, team or project, as far as can be told.
	Token, Reach string
	// Expires is when the token ends; the zero time is never or not told.
	Expires time.Time
	// User is the owner's name at Vercel; Name and Email are theirs as people know them.
	User, Name, Email string
	// TeamID is the team that the token is limited to, or was named.
	TeamID string
	// Team is the slug; Plan is hobby, pro or enterprise.
	Team, Plan string
	// Role is the owner's in the team, such as MEMBER.
	Role string
}

// The reaches of a token, the widest first.
const (
	ReachAccount = "account"
	ReachTeam    = "team"
	ReachProject = "project"
)

// PlanHobby has no account webhooks and goes back to the previous deployment only.
const PlanHobby = "hobby"

// Account reads what can be known of the token, its owner and the team, in at most
// three calls. A token that is limited to a project is told nothing of this: then
// only Reach is set. The error is that the token is no good or Vercel does not answer.
func (c *Client) Account(ctx context.Context) (Account, error) {
	var token struct {
		Token struct {
			Name    string `json:"name"`
			Expires int64  `json:"expiresAt"`
			Scopes  []struct {
				Type string `json:"type"`
				Team string `json:"teamId"`
			} `json:"scopes"`
		} `json:"token"`
	}
	err := c.read(ctx, "the token", "/v5/user/tokens/current", nil, &token)
	if errors.Is(err, ErrDenied) {
		return Account{Reach: ReachProject}, nil
	}
	if err != nil {
		return Account{}, err
	}
	a := Account{Token: token.Token.Name, Reach: ReachTeam}
	if token.Token.Expires > 0 {
		a.Expires = time.UnixMilli(token.Token.Expires)
	}
	for _, s := range token.Token.Scopes {
		a.TeamID = cmp.Or(a.TeamID, s.Team)
		if s.Type == "user" {
			a.Reach = ReachAccount
		}
	}
	a.TeamID = cmp.Or(c.team, a.TeamID)
	if err := c.owner(ctx, &a); err != nil {
		return Account{}, err
	}
	return a, c.ofTeam(ctx, &a)
}

func (c *Client) owner(ctx context.Context, a *Account) error {
	var user struct {
		User struct {
			Username string `json:"username"`
			Name     string `json:"name"`
			Email    string `json:"email"`
			Billing  struct {
				Plan string `json:"plan"`
			} `json:"billing"`
		} `json:"user"`
	}
	err := c.read(ctx, "the token's owner", "/v2/user", nil, &user)
	if errors.Is(err, ErrDenied) {
		return nil
	}
	u := user.User
	a.User, a.Name, a.Email, a.Plan = u.Username, cmp.Or(u.Name, u.Username), u.Email, u.Billing.Plan
	return err
}

// ofTeam reads the plan, which decides about webhooks and how far one may go back.
func (c *Client) ofTeam(ctx context.Context, a *Account) error {
	if a.TeamID == "" {
		return nil
	}
	var team struct {
		Slug    string `json:"slug"`
		Billing struct {
			Plan string `json:"plan"`
		} `json:"billing"`
		Membership struct {
			Role string `json:"role"`
		} `json:"membership"`
	}
	err := c.read(ctx, "team "+a.TeamID, "/v2/teams/"+url.PathEscape(a.TeamID), nil, &team)
	if errors.Is(err, ErrDenied) {
		return fmt.Errorf("%w; the token reaches its own teams only: name one of them, or make a token for this one", err)
	}
	a.Team, a.Plan, a.Role = team.Slug, team.Billing.Plan, team.Membership.Role
	return err
}

// ProjectInfo is a project by its id (prj_…) and name.
type ProjectInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Plan is that of the deployment that serves; empty when none does.
	Plan string `json:"plan,omitempty"`
}

// DomainInfo is a domain of a project.
type DomainInfo struct {
	Name string `json:"name"`
	// Redirect is the host it sends visitors to, empty for none.
	Redirect string `json:"redirect"`
	// Branch or Environment say that it is not production's.
	Branch      string `json:"gitBranch"`
	Environment string `json:"customEnvironmentId"`
	Verified    bool   `json:"verified"`
}

// Production reports whether visitors of production come by it.
func (d DomainInfo) Production() bool { return d.Branch == "" && d.Environment == "" }

// maxPages bounds how many pages of a list are read, 100 rows each.
const maxPages = 20

// Projects lists every project the token can see in the team, at most 2,000.
func (c *Client) Projects(ctx context.Context) ([]ProjectInfo, error) {
	var all []ProjectInfo
	err := c.pages(ctx, "the projects", "/v10/projects", "from", func(body []byte) error {
		var page struct {
			Projects []ProjectInfo `json:"projects"`
		}
		err := json.Unmarshal(body, &page)
		all = append(all, page.Projects...)
		return err
	})
	return all, err
}

// Project reads one project by its id or name.
func (c *Client) Project(ctx context.Context, idOrName string) (ProjectInfo, error) {
	s, err := c.lookProject(ctx, idOrName)
	if err != nil {
		return ProjectInfo{}, err
	}
	p := ProjectInfo{ID: s.project.ID, Name: s.project.Name}
	if live := s.project.Targets.Production; live != nil {
		p.Plan = live.Plan
	}
	return p, nil
}

// Domains lists the domains of a project, at most 2,000.
func (c *Client) Domains(ctx context.Context, idOrName string) ([]DomainInfo, error) {
	var all []DomainInfo
	path := "/v9/projects/" + url.PathEscape(idOrName) + "/domains"
	err := c.pages(ctx, "the domains of "+idOrName, path, "until", func(body []byte) error {
		var page struct {
			Domains []DomainInfo `json:"domains"`
		}
		err := json.Unmarshal(body, &page)
		all = append(all, page.Domains...)
		return err
	})
	return all, err
}

// pages reads a list to its end; by is the parameter that asks for the next page,
// whose value is a number in some lists and a word in others.
func (c *Client) pages(ctx context.Context, what, path, by string, take func(body []byte) error) error {
	query := url.Values{"limit": {"100"}}
	for range maxPages {
		var page json.RawMessage
		if err := c.read(ctx, what, path, query, &page); err != nil {
			return err
		}
		var tail struct {
			Pagination struct {
				Next json.RawMessage `json:"next"`
			} `json:"pagination"`
		}
		if err := errors.Join(take(page), json.Unmarshal(page, &tail)); err != nil {
			return fmt.Errorf("reading %s from Vercel: the answer is not what its API describes: %w", what, err)
		}
		next := strings.Trim(string(tail.Pagination.Next), `"`)
		if next == "" || next == "null" {
			return nil
		}
		query.Set(by, next)
	}
	return fmt.Errorf("vercel has more than %s of %s; name the ones you mean", strconv.Itoa(maxPages*100), what)
}
