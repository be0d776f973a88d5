// Package sandbox owns local stand-ins.
package sandbox
