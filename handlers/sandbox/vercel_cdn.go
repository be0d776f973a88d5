package sandbox

import (
	"strings"
	"time"
)

// cached shows a page through the cache in front of the asked domain, if there is
// one: it keeps the deployment that the first visitor met, whatever serves later.
func (v *vercel) cached(r *request, d deployment, show func(deployment) answer) answer {
	kept, hit := d, false
	v.at(func(time.Time) answer {
		for _, p := range v.projects {
			for _, host := range p.Domains {
				if host.CDN == "" || !strings.EqualFold(host.Name, r.Host) {
					continue
				}
				hit = host.CDN == "everything" || r.URL.RawQuery == ""
				if host.cached == "" {
					host.cached = p.Live
				}
				if old := p.deployment(host.cached); hit && old != nil {
					kept = *old
				}
			}
		}
		return answer{}
	})
	page := show(kept).with("x-vercel-cache", "MISS")
	if hit {
		page = page.with("Age", "3600").with("X-Cache", "HIT")
	}
	return page
}
