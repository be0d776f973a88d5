package sandbox

import (
	"crypto/hmac"
	"crypto/sha1" // Vercel signs with HMAC-SHA1 (WHDOC).
	"encoding/hex"
	"encoding/json"
	"time"
)

// duplicateOneIn: deliveries are at least once (reference 3).
const duplicateOneIn = 4

// tellRollback is sent when the request is accepted, before traffic has switched.
func (v *vercel) tellRollback(p *project, job *aliasJob, at time.Time) {
	v.tell("deployment.rollback", at, object{
		"team": object{"id": p.TeamID}, "user": object{"id": "usr_sandbox"}, "project": object{"id": p.ID},
		"fromDeploymentId": job.From, "toDeploymentId": job.To,
	})
}

// tellPromoted follows every promotion, automatic ones too, but never a rollback.
func (v *vercel) tellPromoted(p *project, d *deployment, at time.Time) {
	v.tell("deployment.promoted", at, object{
		"team": object{"id": p.TeamID}, "user": object{"id": "usr_sandbox"}, "project": object{"id": p.ID},
		"deployment": object{"id": d.ID, "url": d.URL, "name": p.Name, "meta": d.meta()},
		"links":      object{"deployment": "https://vercel.test/d/" + d.ID, "project": "https://vercel.test/p/" + p.ID},
		"plan":       p.Plan, "regions": []string{"icn1"},
	})
}

// tell posts a webhook late and sometimes twice, with the same id.
func (v *vercel) tell(kind string, at time.Time, payload object) {
	project, _ := payload["project"].(object)["id"].(string)
	listeners := []webhook{}
	if v.hookURL != "" {
		listeners = append(listeners, webhook{URL: v.hookURL, Secret: v.hookKey})
	}
	for _, w := range v.webhooks {
		if w.wants(kind, project) {
			listeners = append(listeners, *w)
		}
	}
	if len(listeners) == 0 {
		return
	}
	body, err := json.Marshal(object{
		"type": kind, "id": "evt_" + v.dice.id(12), "createdAt": at.UnixMilli(), "region": "icn1", "payload": payload,
	})
	if err != nil {
		v.opts.Logger.Error("webhook not encoded", "type", kind, "error", err)
		return
	}
	for _, w := range listeners {
		v.deliver(w, body)
	}
}

func (v *vercel) deliver(w webhook, body []byte) {
	mac := hmac.New(sha1.New, []byte(w.Secret))
	mac.Write(body)
	header := map[string]string{"x-vercel-signature": hex.EncodeToString(mac.Sum(nil))}
	copies := 1
	if !v.opts.Kind && v.dice.oneIn(duplicateOneIn) {
		copies = 2
	}
	for range copies {
		v.courier.post(parcel{after: v.dice.upTo(v.opts.MaxLag), url: w.URL, header: header, body: body})
	}
}
