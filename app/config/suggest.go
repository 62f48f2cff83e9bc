package config

// Nearest returns the known word that the given one was probably meant to be,
// and "" if there is none: at most two letters may be wrong, missing or too
// many, and only one in a word of up to five letters.
func Suggest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		allowed := 2
		if min(len(k), len(word)) <= 5 {
			allowed = 1
		}
		if d := distance(word, k, allowed); d <= allowed && d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b, or any number over limit
// if it is over limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
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
