package sandbox

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// toss is the stand-in for TossPayments: payments, their transactions, and the
// webhooks about them, which are not signed.
type toss struct {
	opts    Options
	dice    *dice
	courier *courier

	mu           sync.Mutex
	payments     []*tossPayment
	transactions []tossTransaction // oldest first
	hookURL      string
	signingKey   string
	withhold     bool
	waiting      []round // what came to be while deliveries were withheld
	retry        time.Duration
}

type tossPayment struct {
	Key, Order, Status, Code string
	LastKey                  string
	Requested, Approved      time.Time
}

type tossTransaction struct {
	Key, PaymentKey, Order, Status string
	At                             time.Time
}

// tossSetup is the body of POST /_sandbox/setup.
type tossSetup struct {
	WebhookURL *string `json:"webhook_url"`
	// SigningKey signs payout.changed and seller.changed.
	SigningKey *string `json:"signing_key"`
	// Withhold keeps deliveries back; they are sent once it ends.
	Withhold *bool `json:"withhold"`
	// RetryMS is the first pause between two tries, each next one four times as
	// long; 0 leaves it at a second, for Toss's minute.
	RetryMS int64 `json:"retry_ms"`
}

// tossOrder is the body of POST /_sandbox/payment: a payment changed its state.
type tossOrder struct {
	PaymentKey string `json:"payment_key"` // empty: a new one
	Status     string `json:"status"`      // empty: DONE
	Code       string `json:"code"`        // why it was ABORTED
	AgoMS      int64  `json:"ago_ms"`
	// Lost: no webhook is ever sent about it.
	Lost bool `json:"lost"`
}

// tossEvent is the body of POST /_sandbox/event: a payout or a seller changed.
type tossEvent struct {
	Type   string `json:"type"`
	Entity object `json:"entity"`
}

func newToss(o Options, c *courier) *toss {
	return &toss{opts: o, dice: newDice(o.Seed, "toss"), courier: c, retry: time.Second}
}

func (t *toss) name() string { return "toss" }

func (t *toss) redact(body []byte) string { return string(body) }

func (t *toss) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/payments/{key}", endpoint(func(r *request) answer { return t.getPayment(r.PathValue("key"), "") }))
	mux.Handle("GET /v1/payments/orders/{order}", endpoint(func(r *request) answer { return t.getPayment("", r.PathValue("order")) }))
	mux.Handle("GET /v1/transactions", endpoint(t.listTransactions))
	return mux
}

// admit wants Basic with the secret key as the user and nothing as the password.
func (t *toss) admit(r *request) (answer, bool) {
	key, password, ok := r.BasicAuth()
	switch {
	case !ok || key == "" || password != "":
		return tossError(http.StatusUnauthorized, "UNAUTHORIZED_KEY", "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다."), false
	case t.opts.Token != "" && key != t.opts.Token:
		return t.refuse(refuseRevoked), false
	}
	return answer{}, true
}

func tossError(status int, code, message string) answer {
	return asJSON(status, object{"code": code, "message": message})
}

func (t *toss) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return tossError(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "요청이 너무 많습니다.")
	case refuseRevoked:
		return tossError(http.StatusUnauthorized, "UNAUTHORIZED_KEY", "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.")
	case refuseUnknown:
		return tossError(http.StatusNotFound, "NOT_FOUND", "존재하지 않는 정보 입니다.")
	case refuseTooBig:
		return tossError(http.StatusRequestEntityTooLarge, "INVALID_REQUEST", "잘못된 요청입니다.")
	case refuseBroken:
	}
	return tossError(http.StatusInternalServerError, "FAILED_INTERNAL_SYSTEM_PROCESSING", "내부 시스템 처리 작업이 실패했습니다.")
}

func (t *toss) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) { ask(w, r, t.setup) })
	mux.HandleFunc("POST /_sandbox/payment", func(w http.ResponseWriter, r *http.Request) { ask(w, r, t.paid) })
	mux.HandleFunc("POST /_sandbox/event", func(w http.ResponseWriter, r *http.Request) { ask(w, r, t.changed) })
}

func (t *toss) setup(in tossSetup) (any, error) {
	t.mu.Lock()
	if in.WebhookURL != nil {
		t.hookURL = *in.WebhookURL
	}
	if in.SigningKey != nil {
		t.signingKey = *in.SigningKey
	}
	if in.RetryMS > 0 {
		t.retry = time.Duration(in.RetryMS) * time.Millisecond
	}
	if in.Withhold != nil {
		t.withhold = *in.Withhold
	}
	var released []round
	if !t.withhold {
		released, t.waiting = t.waiting, nil
	}
	t.mu.Unlock()
	for _, r := range released {
		t.courier.tour(r)
	}
	return t.state(), nil
}

// paid notes a payment's new state and the transaction that money moved by, and
// tells the shop.
func (t *toss) paid(in tossOrder) (any, error) {
	known := []string{"READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT", "DONE", "CANCELED", "ABORTED", "EXPIRED"}
	in.Status = cmp.Or(in.Status, "DONE")
	if !slices.Contains(known, in.Status) {
		return nil, fmt.Errorf("status %q: use one of %v", in.Status, known)
	}
	t.mu.Lock()
	at := t.opts.Now().Add(-time.Duration(in.AgoMS) * time.Millisecond)
	p := t.payment(in.PaymentKey, "")
	if p == nil {
		p = &tossPayment{Key: cmp.Or(in.PaymentKey, "tsb_"+t.dice.id(10)), Order: "order_" + t.dice.id(6), Requested: at}
		t.payments = append(t.payments, p)
	}
	p.Status, p.Code = in.Status, in.Code
	if in.Status == "DONE" {
		p.Approved = at
	}
	if in.Status == "DONE" || in.Status == "CANCELED" {
		p.LastKey = "txrd_" + t.dice.id(10)
		t.transactions = append(t.transactions, tossTransaction{Key: p.LastKey, PaymentKey: p.Key, Order: p.Order, Status: in.Status, At: at})
		slices.SortStableFunc(t.transactions, func(a, b tossTransaction) int { return a.At.Compare(b.At) })
	}
	key, row := p.Key, p.row()
	t.mu.Unlock()
	if !in.Lost {
		t.tell(object{"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": inKorea(t.opts.Now()), "data": row}, false)
	}
	return object{"payment_key": key}, nil
}

// changed tells the shop of a payout or a seller; these are signed.
func (t *toss) changed(in tossEvent) (any, error) {
	if in.Type != "payout.changed" && in.Type != "seller.changed" {
		return nil, fmt.Errorf("type %q: use payout.changed or seller.changed", in.Type)
	}
	t.tell(object{"eventType": in.Type, "version": "2022-11-16", "createdAt": inKorea(t.opts.Now()), "entityType": in.Type[:len(in.Type)-len(".changed")], "entityBody": in.Entity}, true)
	return in, nil
}

// inKorea is a time as Toss writes it in a webhook: without a zone.
func inKorea(at time.Time) string {
	return at.In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02T15:04:05.00000")
}

// tossTries is the first try and seven more.
const tossTries = 8

// tell posts a webhook, again until the answer is 200 and nothing else will do;
// the transmission id stays over the tries.
func (t *toss) tell(body object, signed bool) {
	raw, err := json.Marshal(body)
	if err != nil {
		t.opts.Logger.Error("webhook not encoded", "error", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hookURL == "" {
		return
	}
	pauses := []time.Duration{t.dice.upTo(t.opts.MaxLag)}
	for pause := t.retry; len(pauses) < tossTries; pause *= 4 {
		pauses = append(pauses, pause)
	}
	header := map[string]string{"tosspayments-webhook-transmission-id": t.dice.id(16), "tosspayments-webhook-transmission-time": t.opts.Now().UTC().Format(time.RFC3339)}
	if signed && t.signingKey != "" {
		header["tosspayments-webhook-signature"] = t.sign(raw, header["tosspayments-webhook-transmission-time"])
	}
	url := t.hookURL
	r := round{
		pauses: pauses, delivered: func() {}, taken: func(status int) bool { return status == http.StatusOK },
		parcel: func(try int) parcel {
			p := parcel{url: url, body: raw, header: map[string]string{"tosspayments-webhook-transmission-retried-count": strconv.Itoa(try)}}
			maps.Copy(p.header, header)
			return p
		},
	}
	if t.withhold {
		t.waiting = append(t.waiting, r)
		return
	}
	t.courier.tour(r)
}

// sign makes two values, of which one is good, as while a key is being replaced.
func (t *toss) sign(body []byte, at string) string {
	value := func(key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(string(body) + ":" + at))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return "v1:" + value("retired") + "," + value(t.signingKey)
}
