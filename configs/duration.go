package configs

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Duration is a length of time written as 500ms, 90s, 5m, 72h, 14d or 1w, or
// several of them in a row such as 1h30m. A day is 24 hours. It is never negative.
type Duration time.Duration

// Milliseconds is the form that entries and the fold use.
func (d Duration) Milliseconds() int64 { return time.Duration(d).Milliseconds() }

const durationFix = "write it like 500ms, 90s, 5m, 72h, 14d or 1w"

// maxDuration keeps sums of a few durations and a time far from overflow.
const maxDuration = 10 * 366 * 24 * time.Hour

func (d *Duration) setText(text string) (string, error) {
	whole := regexp.MustCompile(`^(\d+(ms|s|m|h|d|w))+$`)
	if !whole.MatchString(text) {
		return durationFix, fmt.Errorf("%q is not a duration", text)
	}
	var sum time.Duration
	for _, part := range regexp.MustCompile(`(\d+)(ms|s|m|h|d|w)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnit(part[2])
		if err != nil || n > int64(maxDuration/unit) || sum+time.Duration(n)*unit > maxDuration {
			return "keep it under ten years", fmt.Errorf("%q is too long", text)
		}
		sum += time.Duration(n) * unit
	}
	*d = Duration(sum)
	return "", nil
}

func durationUnit(name string) time.Duration {
	switch name {
	case "ms":
		return time.Millisecond
	case "s":
		return time.Second
	case "m":
		return time.Minute
	case "h":
		return time.Hour
	case "d":
		return 24 * time.Hour
	default:
		return 7 * 24 * time.Hour
	}
}

// Timing is a value of policies.timings. Value is in milliseconds, or the number
// itself when it was written as a plain Count.
type Timing struct {
	Value int64
	Count bool
}

func (t *Timing) setText(text string) (string, error) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
		*t = Timing{Value: n, Count: true}
		return "", nil
	}
	var d Duration
	if fix, err := d.setText(text); err != nil {
		return fix + ", or a count such as 4", err
	}
	*t = Timing{Value: d.Milliseconds()}
	return "", nil
}
