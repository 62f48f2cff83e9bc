package redislink_test

import (
	"testing"

	"smart-factory-backend/app/socketio/redislink"
)

func TestIsCluster(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"redis://a:6379,b:6379,c:6379":     true,
		"rediss://user:p,w@a:6379,b:6379/": true,

		"redis://[::1]:1,[::1]:2":           true,
		"redis://a:6379":                    false,
		"redis://:a,b@c:6379":               false,
		"redis://a:6379/?addr=b":            false,
		"redis://a,":                        false,
		"redis://,":                         false,
		"redis://a,b/1":                     false,
		"unix:///a,b":                       false,
		"":                                  false,
		"redis://a:6379,redis://b:6379":     false,
		"redis://a:6379,b:6379,c:notanport": false,
	} {
		if got := redislink.IsCluster(url); got != want {
			t.Errorf("IsCluster(%q) = %v, want %v", url, got, want)
		}
	}
}
