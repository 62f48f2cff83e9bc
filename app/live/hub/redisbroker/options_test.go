package redisbroker_test

import (
	"testing"

	"smart-factory-backend/app/live/hub/redisbroker"
)

func TestNewValidatesTheURL(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"redis://127.0.0.1:6379": true, "rediss://user:word@redis.example:6380": true, "unix:///run/redis.sock": true,
		"http://127.0.0.1": false, "redis://127.0.0.1/x": false, "": false,
	} {
		if _, err := redisbroker.New(redisbroker.Options{URL: url}); (err == nil) != ok {
			t.Errorf("New(%q) = %v, want an error: %v", url, err, !ok)
		}
	}
}
