package config_test

import "testing"

func TestSeriesLimitPerKeyFollowsTheNumberOfKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variables map[string]string
		want      int
	}{
		"no key":       {map[string]string{}, 100_000},
		"one key":      {map[string]string{"API_KEYS": "a:ingest:s1"}, 100_000},
		"several keys": {map[string]string{"API_KEYS": "a:ingest:s1,b:admin:s2"}, 50_000},
		"one series":   {map[string]string{"API_KEYS": "a:ingest:s1,b:admin:s2", "MAX_SERIES": "1"}, 1},
		"set":          {map[string]string{"API_KEYS": "a:ingest:s1,b:admin:s2", "MAX_SERIES_PER_KEY": "7"}, 7},
	} {
		c, problems := load(t, test.variables)
		if len(problems) > 0 || c.MaxSeriesPerKey != test.want {
			t.Errorf("%s: MAX_SERIES_PER_KEY = %d, problems %v, want %d", name, c.MaxSeriesPerKey, problems, test.want)
		}
	}
}
