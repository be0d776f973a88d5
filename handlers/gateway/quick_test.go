package gateway

import (
	"reflect"
	"testing"
)

// The quick way uses another JSON decoder, so both must agree on what is broken
// and on what it says.
func TestTheQuickWayReadsLikeTheCarefulWay(t *testing.T) {
	t.Parallel()
	a := `"status":"firing","fingerprint":"a"`
	for _, body := range []string{
		`{"alerts":[{` + a + `,"labels":{"x":"a` + "\x01" + `b"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"1"},"labels":{"y":"2"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"1","x":"2"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"\ud800"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"\ud83d\ude00"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"` + "\xff\xc0" + `"}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":null}}]}`,
		`{"alerts":[{` + a + `,"labels":{"x":"1"},"labels":null}]}`,
		`{"alerts":[{` + a + `,"FINGERPRINT":"b"}]}`,
		`{"alerts":[{` + a + `}]}x`,
		`{"alerts":[{` + a + `}]},`,
		`{"alerts":[{` + a + `},]}`,
		`{"alerts":[{` + a + `,}]}`,
		`{"alerts":[{` + a + `,"startsAt":01}]}`,
		`{"alerts":[{` + a + `,"startsAt":1.}]}`,
		`{"alerts":[{` + a + `,"startsAt":-}]}`,
		`{"alerts":[{` + a + `,"startsAt":"a` + "\n" + `"}]}`,
		`{"alerts":[{` + a + `,"q":tru}]}`,
		`{"alerts":[{` + a + `,"q":nulx}]}`,
		`{"alerts":[{` + a + `,"q":"\q"}]}`,
		`{"alerts":[{` + a + `,"q":"\u12"}]}`,
		`{"alerts":[{` + a + `,"q":1e}]}`,
		`{"alerts":[{` + a + `,"q":.5}]}`,
		`{"alerts":[{` + a + `,"q":--1}]}`,
		`{"alerts":[{` + a + `,"q":{1:2}}]}`,
		`{"alerts":[{` + a + `,"q":[1 2]}]}`,
		`{"alerts":[{` + a + `,"q":{"a" 1}}]}`,
		`{"alerts":[{` + a + `}],"truncatedAlerts":1.0}`,
		`{"alerts":[{` + a + `}],"truncatedAlerts":"1"}`,
		`{"alerts":[{` + a + `}],"truncatedAlerts":99999999999999999999}`,
		`{"alerts":[{` + a + `}],"truncatedAlerts":null}`,
		`{"alerts":[{` + a + `,"labels":{}}]}`,
		"{\"alerts\":[{" + a + "}]}\x00",
		"\x00{}",
		`{"alerts":[{` + a + `,"startsAt":"\u0032026-11-23T09:00:00Z"}]}`,
		`{"alerts":[{` + a + `,"startsAt": "2026-11-23T09:00:00Z" }]}`,
		`{"al\u0065rts":[{` + a + `}]}`,
		`{"alerts":[{` + a + `,"st\u0061tus":"resolved"}]}`,
	} {
		d := Delivery{Body: []byte(body)}
		quick, err := DecodeAlertmanager(d)
		careful, err2 := d.alertsOneByOne()
		if (err == nil) != (err2 == nil) || err == nil && !reflect.DeepEqual(quick, careful) {
			t.Errorf("%q\n the quick way gives %+v, %v\n the careful way %+v, %v", body, quick, err, careful, err2)
		}
	}
}
