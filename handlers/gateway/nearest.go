package gateway

import "strings"

// nearest is the known word that was most likely meant; "" when none is close.
func nearest(word string, known []string) string {
	if len(word) > 40 || word == "" {
		return ""
	}
	best, distance := "", 3
	for _, candidate := range known {
		if strings.HasPrefix(candidate, word) && len(word) >= 3 {
			return candidate
		}
		if d := editDistance(word, candidate); d < distance && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
