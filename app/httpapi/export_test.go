package httpapi

// Routes returns the methods of every path of an API.
func Routes(a *API) map[string][]string {
	all := map[string][]string{}
	add := func(res *resource) {
		for _, rt := range res.routes {
			all[res.pattern] = append(all[res.pattern], rt.method)
		}
	}
	for _, res := range a.static {
		add(res)
	}
	for _, res := range a.patterns {
		add(res)
	}
	return all
}
