package bus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a lost server does not answer is asked again, not waited for; what is answered badly
// is an answer, and the caller's own time is the end of it.
func TestInTries(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for _, c := range []struct {
		name           string
		silent         int // tries that get no answer
		then           error
		wantErr        error
		tries          int
		wantsAtMostFor time.Duration
	}{
		{"answered", 0, nil, nil, 1, 0},
		{"answered badly", 0, gone, gone, 1, 0},
		{"lost once", 1, nil, nil, 2, 3 * time.Second},
		{"lost twice", 2, nil, nil, 3, 9 * time.Second},
		{"silent for good", 9, nil, context.DeadlineExceeded, 3, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				began, tries := time.Now(), 0
				err := inTries(ctx, firstTry, func(ctx context.Context) error {
					if tries++; tries > c.silent {
						return c.then
					}
					<-ctx.Done()
					return ctx.Err()
				})
				if took := time.Since(began); !errors.Is(err, c.wantErr) || tries != c.tries || took > c.wantsAtMostFor {
					t.Errorf("%v after %d tries and %s, want %v after %d and at most %s", err, tries, took, c.wantErr, c.tries, c.wantsAtMostFor)
				}
			})
		})
	}
}
