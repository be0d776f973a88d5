package console

import (
	"net"
	"net/http"
	"strings"
)

// local reports whether a request is one of somebody on this machine, who may read
// without a token. It must name the loopback itself, so that no web page reaches in by
// another name; a browser must not send it for a page of another site, which could at
// least have everything read and counted anew; and no proxy may have passed it on,
// since then anybody may have sent it.
func local(r *http.Request) bool {
	return loopbackHost(r.Host) && !forAnotherSite(r) && !forwarded(r.Header)
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

// forAnotherSite: browsers say so in Sec-Fetch-Site, older ones in Origin.
func forAnotherSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		return origin != "" && origin != "http://"+r.Host
	}
	return true
}

func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// unframed keeps what is answered out of other sites' frames, images and scripts, and
// from being taken for something that runs.
func unframed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}
