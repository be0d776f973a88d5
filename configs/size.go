package configs

import (
	"fmt"
	"regexp"
	"strconv"
)

// Size is a number of bytes, written as a plain number or as 512KiB, 64MiB or
// 4GiB. It is never negative.
type Size int64

const sizeFix = "write it like 64MiB or 4GiB, or as a number of bytes"

// maxSize keeps sums of sizes far from overflow.
const maxSize = 1 << 50

func (s *Size) setText(text string) (string, error) {
	part := regexp.MustCompile(`^(\d+)(KiB|MiB|GiB|)$`).FindStringSubmatch(text)
	if part == nil {
		return sizeFix, fmt.Errorf("%q is not a size", text)
	}
	unit := map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[part[2]]
	n, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil || n > maxSize/unit {
		return "keep it under 1048576GiB", fmt.Errorf("%q is too much", text)
	}
	*s = Size(n * unit)
	return "", nil
}

// String writes a size for people, rounded down to one decimal of its unit.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		size Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.size {
			return fmt.Sprintf("%d.%d %s", s/u.size, s%u.size*10/u.size, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10) + " bytes"
}
