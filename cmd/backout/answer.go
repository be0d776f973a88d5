package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// address is the admin address to ask; a host and port alone mean HTTP.
func (c *client) address() (string, error) {
	base := c.base
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usageError{fmt.Errorf("--server %q is no address to ask; write http://HOST:PORT, the admin address of a Backout", c.base)}
	}
	return base, nil
}

// unanswered is why nobody was heard, without the address that is said already.
func (c *client) unanswered(err error) error {
	if asked, ok := errors.AsType[*url.Error](err); ok {
		if asked.Timeout() {
			return fmt.Errorf("%s did not answer in time; is it a Backout, and is its disk well? `backout doctor` looks", c.base)
		}
		err = asked.Err
	}
	return fmt.Errorf("no Backout answers at %s (%w); start one with `backout serve`, or name it with --server", c.base, err)
}

// refused is the error of an answer that is none of success: a Backout says why, anything
// else is no Backout.
func (c *client) refused(status string, body []byte) error {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return c.stranger("answers " + status)
}

// stranger says that whoever answers is no Backout.
func (c *client) stranger(what string) error {
	return fmt.Errorf("%s %s: that is not the admin address of a Backout; name it with --server (serve prints it as admin=)", c.base, what)
}

// authorized is a request with the token, if there is one.
func (c *client) authorized(req *http.Request) *http.Request {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req
}
