package redislink

import (
	"strings"

	"github.com/redis/rueidis"
)

// parseURL parses a URL. seeds are the addresses if it names more than one host,
// which makes them nodes of a Redis Cluster.
func parseURL(text string) (o rueidis.ClientOption, seeds []string, err error) {
	scheme, rest, _ := strings.Cut(text, "://")
	if scheme != "unix" && strings.Count(rest, "/") == 1 {
		rest = strings.TrimSuffix(rest, "/")
		text = strings.TrimSuffix(text, "/")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts := strings.Split(rest[strings.LastIndex(rest[:end], "@")+1:end], ",")
	if len(hosts) == 1 || scheme == "unix" {
		o, err = rueidis.ParseURL(text)
		return o, nil, err
	}
	user := rest[:strings.LastIndex(rest[:end], "@")+1]
	for _, host := range hosts {
		if host == "" || host[0] == ':' {
			return o, nil, errURL
		}
		if o, err = rueidis.ParseURL(scheme + "://" + user + host + rest[end:]); err != nil {
			return o, nil, err
		}
		seeds = append(seeds, o.InitAddress[0])
	}
	if o.SelectDB != 0 || o.Sentinel.MasterSet != "" {
		return o, nil, errURL // a cluster has one database only
	}
	return o, seeds, nil
}

// IsCluster reports whether a URL names the nodes of a Redis Cluster.
func IsCluster(url string) bool {
	_, seeds, err := parseURL(url)
	return err == nil && len(seeds) > 0
}
