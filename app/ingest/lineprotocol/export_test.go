package lineprotocol

// CacheBytes returns how many bytes the series of d take.
func CacheBytes(d *Decoder) (sum int) {
	for i := range d.cache.shards {
		h := &d.cache.shards[i]
		for key, r := range h.young {
			sum += r.size(key)
		}
		for key, r := range h.old {
			sum += r.size(key)
		}
	}
	return sum
}
