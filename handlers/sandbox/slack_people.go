package sandbox

import (
	"slices"
	"strings"
)

func (s *slack) user(id string) *slackUser {
	i := slices.IndexFunc(s.users, func(u slackUser) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return &s.users[i]
}

func (u *slackUser) wire() object {
	return object{
		"id": u.ID, "team_id": slackTeam, "name": u.Name, "real_name": u.Name, "deleted": false, "is_bot": false,
		"profile": object{"email": u.Email, "real_name": u.Name, "display_name": u.Name},
	}
}

// lookup is users.lookupByEmail.
func (s *slack) lookup(in args) answer {
	i := slices.IndexFunc(s.users, func(u slackUser) bool { return strings.EqualFold(u.Email, in["email"]) })
	if i < 0 {
		return slackError("users_not_found")
	}
	return slackOK(object{"user": s.users[i].wire()})
}

func (s *slack) userInfo(in args) answer {
	u := s.user(in["user"])
	if u == nil {
		return slackError("user_not_found")
	}
	return slackOK(object{"user": u.wire()})
}

// groupUsers is usergroups.users.list.
func (s *slack) groupUsers(in args) answer {
	users, ok := s.groups[in["usergroup"]]
	if !ok {
		return slackError("no_such_subteam")
	}
	return slackOK(object{"users": users})
}

// open is conversations.open: the direct message with one person.
func (s *slack) open(in args) answer {
	u := s.user(in["users"])
	if u == nil {
		return slackError("user_not_found")
	}
	return slackOK(object{
		"no_op": true, "already_open": true,
		"channel": object{"id": directMessage(u.ID), "is_im": true, "user": u.ID},
	})
}

func (s *slack) setup(in slackSetup) (any, error) {
	s.mu.Lock()
	if in.Users != nil {
		s.users = in.Users
	}
	if in.UserGroups != nil {
		s.groups = in.UserGroups
	}
	if in.RateLimit != nil {
		s.throttled = *in.RateLimit
	}
	if in.Scopes != nil {
		s.scopes = *in.Scopes
	}
	s.mu.Unlock()
	return s.state(), nil
}

func (s *slack) state() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return object{
		"users": slices.Clone(s.users), "usergroups": s.groups, "messages": len(s.messages), "rate_limit": s.throttled,
	}
}
