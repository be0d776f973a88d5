// Package statuspage reads the public status pages of providers in the shape that
// Atlassian's pages serve and others copy: /api/v2/summary.json.
//
// It decides nothing: whether what a page says is an outage that concerns us is the
// fold's business. A page that cannot be read says nothing, which is never
// "operational". Start reading at page.go.
//
// Set-up: none; write the page's address under upstreams, and the names on it that
// concern you. The page is asked with If-None-Match, so a poll that finds nothing new
// costs the provider nothing.
package statuspage
