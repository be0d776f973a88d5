package gateway

import (
	"net/http"
	"time"
)

// Server gives h a listener's settings: a sender that is slow or silent is let
// go, and one that asks for much is cut short. Writing outlasts the wait for the
// log, so that a full log is still answered.
func Server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
}
