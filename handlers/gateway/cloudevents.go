package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// DecodeCloudEvents reads CloudEvents 1.0 over HTTP: one event or a batch in
// JSON, or one event in binary mode with ce- headers (CloudEvents HTTP protocol
// binding 1.0.2). The content type hardly matters: a list is a batch.
func DecodeCloudEvents(d Delivery) (Decoded, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(d.Body, []byte("\xef\xbb\xbf")))
	switch {
	case isBinary(d.Header):
		return single(d.binaryEvent(body)), nil
	case len(body) == 0:
		return Decoded{}, errors.New("the body is empty; send a CloudEvent in JSON")
	case body[0] == '[':
		return d.batch(body)
	case body[0] != '{' || !json.Valid(body):
		return Decoded{}, errors.New("the body is no JSON object and no list of them; send a CloudEvent in JSON")
	}
	return single(d.structured(body)), nil
}

func single(it Item) Decoded {
	var out Decoded
	out.add(it)
	return out
}

func (d Delivery) batch(body []byte) (Decoded, error) {
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	var out Decoded
	for _, raw := range events {
		out.add(d.structured(raw))
	}
	out.close(d.Origin, body)
	return out, nil
}

// structured reads one event in JSON.
func (d Delivery) structured(raw []byte) Item {
	f := fields{}
	if err := json.Unmarshal(raw, &f.values); err != nil || f.values == nil {
		return badItem(d.Origin, "the event must be a JSON object, it is "+kindOf(raw), raw)
	}
	data := f.take("data")
	if encoded := f.text("data_base64"); encoded != "" {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !json.Valid(decoded) {
			return badItem(d.Origin, "data_base64 must be JSON in base64", raw)
		}
		data = decoded
	}
	return d.event(&f, data, raw)
}

// isBinary: the envelope stands in ce- headers unless the content type says that
// the body is the envelope.
func isBinary(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(kind, "application/cloudevents") {
		return false
	}
	return h.Get("Ce-Specversion") != "" || h.Get("Ce-Id") != "" || h.Get("Ce-Type") != ""
}

// binaryEvent reads one event whose envelope stands in headers; their values are
// percent-encoded.
func (d Delivery) binaryEvent(body []byte) Item {
	f := fields{values: map[string]json.RawMessage{}}
	for name, values := range d.Header {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			continue
		}
		value := values[0]
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			return badItem(d.Origin, "the header "+name+" cannot be read", body)
		}
		f.values[attribute] = quoted
	}
	if !json.Valid(body) {
		return badItem(d.Origin, "the body is the event's data and must be JSON", body)
	}
	whole := map[string]json.RawMessage{"data": body}
	maps.Copy(whole, f.values)
	raw, err := json.Marshal(whole)
	if err != nil {
		return badItem(d.Origin, "the event cannot be read: "+err.Error(), body)
	}
	return d.event(&f, body, raw)
}
