package gateway

// card recognises a payment card's number: 13 to 19 digits in one run or in the
// groups that are printed on cards, with a prefix that card networks use
// (ISO/IEC 7812) and a valid check digit (Luhn).
func card(s string, i int) (start, end int) {
	if i > 0 && (isAlnum(s[i-1]) && !wordStart(s, i) || s[i-1] == '.' || s[i-1] == '_') {
		return 0, 0
	}
	var digits [19]byte
	n, end := 0, i
	groups := make([]int, 0, 5)
	for end < len(s) && isDigit(s[end]) {
		stop := span(s, end, isDigit)
		if n+stop-end > len(digits) {
			return 0, 0
		}
		n += copy(digits[n:], s[end:stop])
		groups, end = append(groups, stop-end), stop
		if stop+1 < len(s) && (s[stop] == ' ' || s[stop] == '-') && isDigit(s[stop+1]) && len(groups) < cap(groups) {
			end++
			continue
		}
		break
	}
	if end < len(s) && (isAlnum(s[end]) || s[end] == '_') || !printedGroups(groups) || !isCard(digits[:n]) {
		return 0, 0
	}
	return i, end
}

// printedGroups: one run, 4-4-4-4, 4-4-4-4-3, 4-6-5 or 4-6-4.
func printedGroups(g []int) bool {
	switch len(g) {
	case 1:
		return true
	case 3:
		return g[0] == 4 && g[1] == 6 && (g[2] == 5 || g[2] == 4)
	case 4, 5:
		return g[0] == 4 && g[1] == 4 && g[2] == 4 && g[3] == 4 && (len(g) == 4 || g[4] == 3)
	}
	return false
}

func isCard(digits []byte) bool {
	if len(digits) < 13 || digits[0] < '2' || digits[0] > '6' {
		return false
	}
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
