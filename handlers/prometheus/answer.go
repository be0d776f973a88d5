package prometheus

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// errNothing is the answer of a query that has no data.
var errNothing = errors.New("there is no data")

// number is what a query gave: value with the decimals that were asked for, as an
// integer, and text as Prometheus wrote it.
type number struct {
	value    int64
	text     string
	warnings int
}

// answer is the body of /api/v1/query.
type answer struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

// read takes an answer apart. What a proxy in between says is no answer of Prometheus.
func read(a outbound.Answer, decimals int) (number, error) {
	var body answer
	known := json.Unmarshal(a.Body, &body) == nil
	switch {
	case known && body.Status == "error":
		return number{}, fmt.Errorf("asking Prometheus: it answered %d, %s: %.300s", a.Status, body.ErrorType, body.Error)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return number{}, fmt.Errorf("asking Prometheus: it answered %d; look at the credential in providers.prometheus", a.Status)
	case a.Status != http.StatusOK:
		return number{}, fmt.Errorf("asking Prometheus: it answered %d: %.200s", a.Status, strings.TrimSpace(string(a.Body)))
	case !known || body.Status != "success":
		return number{}, errors.New("asking Prometheus: the answer is not one of Prometheus; look at providers.prometheus.url")
	}
	text, err := body.number()
	if err != nil {
		return number{}, err
	}
	value, err := scaled(text, decimals)
	return number{value, text, len(body.Warnings)}, err
}

// number is the one number of an answer.
func (a *answer) number() (string, error) {
	var pair []any
	switch a.Data.Type {
	case "scalar":
		if json.Unmarshal(a.Data.Result, &pair) != nil {
			return "", errors.New("asking Prometheus: the scalar cannot be read")
		}
	case "vector":
		var series []struct {
			Value []any `json:"value"`
		}
		if json.Unmarshal(a.Data.Result, &series) != nil {
			return "", errors.New("asking Prometheus: the vector cannot be read; a native histogram has no one value")
		}
		switch len(series) {
		case 0:
			return "", errNothing
		case 1:
			pair = series[0].Value
		default:
			return "", fmt.Errorf("asking Prometheus: the query gives %d series and one is needed; put sum(…), max(…) or the like around it", len(series))
		}
	default:
		return "", fmt.Errorf("asking Prometheus: the query gives a %s and one number is needed; take the range out or put a function around it", a.Data.Type)
	}
	if len(pair) != 2 {
		return "", errors.New("asking Prometheus: a value has no number; a native histogram has none")
	}
	text, ok := pair[1].(string)
	if !ok {
		return "", errors.New("asking Prometheus: a value is not a number")
	}
	return text, nil
}

// scaled is a number with so many decimals as an integer, rounded to the nearest. NaN is
// no data: a share of nothing.
func scaled(text string, decimals int) (int64, error) {
	switch text {
	case "NaN":
		return 0, errNothing
	case "+Inf", "-Inf":
		return 0, errors.New("asking Prometheus: the query gives " + text + ": it divides by zero")
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 64 {
		return 0, fmt.Errorf("asking Prometheus: %.64q is not a number", text)
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)))
	half := big.NewRat(1, 2)
	if r.Sign() < 0 {
		half.Neg(half)
	}
	r.Add(r, half)
	whole := new(big.Int).Quo(r.Num(), r.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("asking Prometheus: %s is too large", text)
	}
	return whole.Int64(), nil
}
