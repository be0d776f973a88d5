package powercut

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errData means that strace did not write down a text as it was asked to.
var errData = errors.New("strace wrote no whole text in hexadecimal")

// arg is the i-th argument, empty when there are fewer.
func (c *call) arg(i int) string {
	if i >= len(c.args) {
		return ""
	}
	return c.args[i]
}

// number reads a number; ok is false for AT_FDCWD and the like.
func (c *call) number(i int) (n int64, ok bool) {
	n, err := strconv.ParseInt(c.arg(i), 0, 64)
	return n, err == nil
}

// has reports whether a flag is set in the i-th argument.
func (c *call) has(i int, flag string) bool {
	for f := range strings.SplitSeq(c.arg(i), "|") {
		if f == flag {
			return true
		}
	}
	return false
}

// text decodes a text.
func (c *call) text(i int) ([]byte, error) {
	quoted := c.arg(i)
	body, ok := strings.CutPrefix(quoted, `"`)
	body, closed := strings.CutSuffix(body, `"`)
	if !ok || !closed {
		return nil, fmt.Errorf("%s: %w: %.40q", c.name, errData, quoted)
	}
	digits := make([]byte, 0, len(body)/2)
	for i := 0; i < len(body); i += 4 {
		if i+4 > len(body) || body[i] != '\\' || body[i+1] != 'x' {
			return nil, fmt.Errorf("%s: %w: %.40q", c.name, errData, quoted)
		}
		digits = append(digits, body[i+2], body[i+3])
	}
	out := make([]byte, len(digits)/2)
	if _, err := hex.Decode(out, digits); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", c.name, errData, err)
	}
	return out, nil
}

// written is the bytes a write really wrote.
func (c *call) written(i int) ([]byte, error) {
	data, err := c.text(i)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < c.ret {
		return nil, fmt.Errorf("%s: %w: %d of %d bytes", c.name, errData, len(data), c.ret)
	}
	return data[:c.ret], nil
}
