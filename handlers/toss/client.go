package toss

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
)

const defaultBaseURL = "https://api.tosspayments.com"

// Options say whom to call and as whom.
type Options struct {
	// BaseURL of the API; empty means https://api.tosspayments.com.
	BaseURL string
	// Key is the secret key of the shop (test_sk… or live_sk…).
	Key string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Timeout bounds one exchange; 0 means 8 s, at most 15 s.
	Timeout time.Duration
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Client asks Toss as one shop; it only reads and is safe for concurrent use.
type Client struct {
	base, auth string
	api        *outbound.Client
}

// New makes a client. It calls nothing; its errors name the option that is wrong.
func New(o Options) (*Client, error) {
	// A byte order mark at the start of a file would become part of the key.
	o.Key = strings.TrimPrefix(o.Key, "\ufeff")
	if o.Key == "" {
		return nil, errors.New("toss: a secret key is needed; copy it from the API keys of the developers' page")
	}
	base := strings.TrimSuffix(cmp.Or(o.BaseURL, defaultBaseURL), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("toss: base address %q is not a URL such as %s", base, defaultBaseURL)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(o.Key + ":"))
	api, err := outbound.New(outbound.Options{
		Timeout: min(o.Timeout, 15*time.Second), AllowPrivate: o.AllowPrivate, Logger: o.Logger, Redact: []string{o.Key, basic},
	})
	if err != nil {
		return nil, fmt.Errorf("toss: %w", err)
	}
	return &Client{base: base, auth: "Basic " + basic, api: api}, nil
}

// Payment is what Toss says of a payment, without what is the customer's. Times
// are as Toss writes them.
type Payment struct {
	MID         string   `json:"mId"`
	Key         string   `json:"paymentKey"`
	LastKey     string   `json:"lastTransactionKey"`
	Status      string   `json:"status"`
	RequestedAt string   `json:"requestedAt"`
	ApprovedAt  string   `json:"approvedAt"`
	Failure     *Failure `json:"failure"`
	Cancels     []Cancel `json:"cancels"`
}

// Failure is why a payment was not made.
type Failure struct {
	Code string `json:"code"`
}

// Cancel is one cancellation of a payment, whole or in part.
type Cancel struct {
	TransactionKey string `json:"transactionKey"`
	Status         string `json:"cancelStatus"`
	At             string `json:"canceledAt"`
}

// Payment asks for a payment by its key; found is false when Toss does not know
// it, or when it is another shop's.
func (c *Client) Payment(ctx context.Context, key string) (p Payment, found bool, err error) {
	return c.payment(ctx, "/v1/payments/"+url.PathEscape(key))
}

// PaymentOfOrder asks for a payment by the shop's own order id.
func (c *Client) PaymentOfOrder(ctx context.Context, order string) (p Payment, found bool, err error) {
	return c.payment(ctx, "/v1/payments/orders/"+url.PathEscape(order))
}

func (c *Client) payment(ctx context.Context, path string) (p Payment, found bool, err error) {
	a, err := c.get(ctx, path, nil)
	switch {
	case err != nil:
		return Payment{}, false, fmt.Errorf("asking Toss for a payment: %w", err)
	case a.Status == http.StatusNotFound:
		return Payment{}, false, nil
	case a.Status != http.StatusOK:
		return Payment{}, false, refused(a, "to show a payment")
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Key == "" {
		return Payment{}, false, fmt.Errorf("asking Toss for a payment: the answer is not what its API describes: %w", errors.Join(err, errNoKey))
	}
	return p, true, nil
}

var errNoKey = errors.New("a payment needs a paymentKey")

func (c *Client) get(ctx context.Context, path string, query url.Values) (outbound.Answer, error) {
	r := outbound.Request{Method: http.MethodGet, URL: c.base + path, Header: http.Header{"Authorization": {c.auth}}}
	if len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	return c.api.Do(ctx, r)
}

// Check reports whether the key works, by reading the transactions of a minute.
func (c *Client) Check(ctx context.Context, now time.Time) error {
	_, err := c.transactions(ctx, now.Add(-time.Minute), now, "")
	return err
}

// refused says in one sentence what Toss would not do and what a person can do.
func refused(a outbound.Answer, todo string) error {
	var said struct{ Code, Message string }
	_ = json.Unmarshal(a.Body, &said) // What is no JSON says nothing, and the status is in the text.
	advice := ""
	if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
		advice = "; check that providers.toss.key is the secret key of this shop"
	}
	return outbound.Refused(a, false, fmt.Sprintf("Toss refused %s: %s (%d %s)%s", todo, said.Message, a.Status, said.Code, advice))
}
