package orchestrator

// Bucket names a part of the state. Integers in keys are big-endian, so that
// keys sort as their numbers do; store/schema.go draws all of them.
type Bucket string

// The buckets.
const (
	BucketMeta     Bucket = "meta"
	BucketIncident Bucket = "inc"
	BucketStep     Bucket = "step"
	BucketSignal   Bucket = "sig"
	BucketAlert    Bucket = "alert"
	BucketCorr     Bucket = "corr"
	BucketSeen     Bucket = "seen"
	BucketTimer    Bucket = "timer"
	BucketReady    Bucket = "ready"
	BucketRunning  Bucket = "running"
	BucketUnknown  Bucket = "unknown"
	BucketHistory  Bucket = "hist"
	BucketBad      Bucket = "bad"
	BucketDeploy   Bucket = "dep"
	BucketEnv      Bucket = "env"
	BucketOwn      Bucket = "own"
	BucketDoc      Bucket = "doc"
	BucketToken    Bucket = "token"
	BucketStatus   Bucket = "status"
	BucketChain    Bucket = "chain"
	BucketSilence  Bucket = "sil"
	BucketHeld     Bucket = "held"
	BucketChange   Bucket = "chg"
	BucketWatch    Bucket = "watch"
	BucketShadow   Bucket = "shadow"
	BucketSettings Bucket = "set"
	BucketVerdict  Bucket = "verdict"

	BucketDeployWatch Bucket = "dwatch"

	BucketMigration Bucket = "mig"
	BucketMark      Bucket = "migmark"
)

// Buckets lists every bucket.
func Buckets() []Bucket {
	return []Bucket{
		BucketMeta, BucketIncident, BucketStep, BucketSignal, BucketAlert, BucketCorr, BucketSeen,
		BucketTimer, BucketReady, BucketRunning, BucketUnknown, BucketHistory, BucketBad,
		BucketDeploy, BucketEnv, BucketOwn, BucketDoc, BucketToken, BucketStatus, BucketChain,
		BucketSilence, BucketHeld, BucketChange, BucketWatch, BucketShadow, BucketSettings, BucketVerdict, BucketDeployWatch,
		BucketMigration, BucketMark,
	}
}

// View is what the fold reads and writes: ordered buckets of bytes inside one
// transaction. Slices handed out are valid until the next write; slices handed
// in are kept, so the caller must not change them. Not safe for concurrent use.
type View interface {
	Get(b Bucket, key []byte) []byte
	Put(b Bucket, key, value []byte)
	Delete(b Bucket, key []byte)
	// Scan calls fn for the keys at or after start that have the prefix, in
	// order, until fn returns false. fn must not write.
	Scan(b Bucket, prefix, start []byte, fn func(key, value []byte) bool)
}
