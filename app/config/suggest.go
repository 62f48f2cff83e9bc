package config

// Suggest returns the known word that word is most likely a misspelling of, or
// "" if there is none: its edit distance is at most 2, and at most 1 if either
// word has up to five letters.
func Suggest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		limit := 2
		if min(len(k), len(word)) <= 5 {
			limit = 1
		}
		if max(len(k)-len(word), len(word)-len(k)) > limit {
			continue
		}
		if d := editDistance(word, k); d <= limit && d < least {
			best, least = k, d
		}
	}
	return best
}

// editDistance returns the Levenshtein distance of a and b in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
