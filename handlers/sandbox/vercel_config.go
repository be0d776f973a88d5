package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// configStore are the Global Configs (Edge Configs) of the team, by id and key.
type configStore struct {
	items map[string]map[string]any
	// writes is how many more the plan allows; nil: any number.
	writes *int
	// shown is what visitors see, which lags behind.
	shown map[string]map[string]any
}

var isConfigKey = regexp.MustCompile(`^[\w-]{1,256}$`)

// configItem is GET /v1/edge-config/{config}/item/{key}: what was written last.
func (v *vercel) configItem(r *request) answer {
	return v.at(func(now time.Time) answer {
		value, ok := v.configs.items[r.PathValue("config")][r.PathValue("key")]
		if !ok {
			return vercelError(http.StatusNotFound, "edge_config_item_not_found", "Edge Config item not found.")
		}
		return asJSON(http.StatusOK, object{
			"key": r.PathValue("key"), "value": value, "edgeConfigId": r.PathValue("config"), "createdAt": now.UnixMilli(), "updatedAt": now.UnixMilli(),
		})
	})
}

// patchConfig is PATCH /v1/edge-config/{config}/items: all or nothing. Update and, as
// users report, upsert fail for a key that was never written; create for one that was.
func (v *vercel) patchConfig(r *request) answer {
	return v.at(func(now time.Time) answer {
		var in struct {
			Items []struct {
				Operation string `json:"operation"`
				Key       string `json:"key"`
				Value     any    `json:"value"`
			} `json:"items"`
		}
		id := r.PathValue("config")
		config, ok := v.configs.items[id]
		switch {
		case json.Unmarshal(r.body, &in) != nil || len(in.Items) == 0:
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `items` is required.")
		case !ok:
			return vercelError(http.StatusNotFound, "not_found", "The Edge Config was not found.")
		case v.configs.writes != nil && *v.configs.writes <= 0 && v.projects[0].Plan == planHobby:
			return vercelError(http.StatusPaymentRequired, "payment_required", "You have reached the Edge Config writes of the Hobby plan.")
		case v.configs.writes != nil && *v.configs.writes <= 0:
			return vercelError(http.StatusTooManyRequests, "rate_limited", "Too many Edge Config writes.").with("Retry-After", "3600")
		}
		for _, item := range in.Items {
			_, there := config[item.Key]
			switch {
			case !isConfigKey.MatchString(item.Key):
				return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `items[0].key` is invalid.")
			case item.Operation == "create" && there:
				return vercelError(http.StatusConflict, "edge_config_item_exists", "The item exists already.")
			case item.Operation != "create" && !there:
				return vercelError(http.StatusNotFound, "edge_config_item_not_found", "Edge Config item not found.")
			}
		}
		for _, item := range in.Items {
			if item.Operation == "delete" {
				delete(config, item.Key)
				continue
			}
			config[item.Key] = item.Value
			v.agenda.add(now.Add(v.dice.upTo(v.opts.MaxLag)), func(time.Time) { v.configs.show(id, item.Key, item.Value) })
		}
		if v.configs.writes != nil {
			*v.configs.writes--
		}
		return asJSON(http.StatusOK, object{"status": "ok"}).changed()
	})
}

func (c *configStore) set(items map[string]map[string]any) {
	c.items, c.shown = items, map[string]map[string]any{}
	for id, config := range items {
		c.shown[id] = maps.Clone(config)
	}
}

func (c *configStore) show(id, key string, value any) {
	if c.shown[id] == nil {
		c.shown[id] = map[string]any{}
	}
	c.shown[id][key] = value
}

// siteKey is the switch of the whole shop: while it is false every page but two is the
// maintenance page, as the site's own code decides before it does anything else.
const siteKey = "site"

func (s *shop) maintained(r *request) (down bool) {
	if strings.HasSuffix(r.URL.Path, "/api/version") || strings.HasSuffix(r.URL.Path, "/api/flags") {
		return false
	}
	s.vercel.at(func(time.Time) answer {
		for _, config := range s.vercel.configs.shown {
			down = down || config[siteKey] == false
		}
		return answer{}
	})
	return down
}

// flags is GET /api/flags of the shop: the switches as a visitor meets them.
func (s *shop) flags(deployment) answer {
	return s.vercel.at(func(time.Time) answer {
		out := object{}
		for _, config := range s.vercel.configs.shown {
			maps.Copy(out, config)
		}
		return asJSON(http.StatusOK, out)
	})
}
