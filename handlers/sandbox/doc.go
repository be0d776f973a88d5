// Package sandbox owns local stand-ins for Vercel, SendGrid, GitHub Actions,
// Slack, Stripe, TossPayments, a shop web site, a provider's status page, Supabase's
// health, Prometheus and Sentry, each an HTTP server of its own, as unkind as the real systems are. Demo,
// drills and tests run against them; their call log,
// not Backout's state, is the judge of what really happened. The package must
// not know Backout: it decides nothing and imports no handler.
//
// Start reading at Start (sandbox.go), then front.go: every call passes a front,
// which applies faults, asks the stand-in, records the call and only then
// answers. State is a function of the clock (agenda in vercel_world.go): what is
// to happen later is done when somebody reads.
//
// Unkind defaults: an alias job takes 1 s, effects lag up to 2 s, one mutating
// call in twenty is answered 500 after doing the work, webhooks come late and
// sometimes twice. Sandbox.Seed repeats a night; Options.Kind switches it off.
//
// # Control
//
// Every stand-in answers, outside its call log:
//
//	GET    /_sandbox/calls   the calls it got, see Call        DELETE forgets them
//	POST   /_sandbox/fault   arms a Fault for the next calls   DELETE disarms all, GET lists
//	GET    /_sandbox/state   what its API hides
//	POST   /_sandbox/setup   changes its world, see setupOrder, gitHubSetup, slackSetup, shopSetup,
//	                         stripeSetup, tossSetup, statusSetup, supabaseSetup, prometheusSetup,
//	                         sentrySetup
//	POST   /_sandbox/world   GitHub only: deployments, runs, trees, pull requests and secret scanning alerts, see gitHubWorld
//
// and Vercel POST /_sandbox/deploy (a push was built, see deployOrder) and POST
// /_sandbox/alias (somebody else asks for a rollback or promote, see aliasOrder), SendGrid
// GET and DELETE /_sandbox/mails and GET /_sandbox/event-key, Slack GET
// /_sandbox/messages, POST /_sandbox/slash and POST /_sandbox/click (a person types or
// presses; see slashOrder, clickOrder; the reply says what came back, see heard),
// Stripe POST /_sandbox/event (see stripeOrder), Toss POST /_sandbox/payment and POST
// /_sandbox/event (see tossOrder, tossEvent).
//
// Vercel's unkindness is switched by setup: token.revoked and .after (401 or 403 from
// then on), pace.job_ms and .lag_ms (a job pending for long, domains that lag), and of
// a project plan, stuck (domains that never move), cdn (another cache in front),
// rolling (a canary), retention_days, env; configs and config_writes are Global Configs (site: false there puts the shop's maintenance page up); next_job and next_build are fates. A fault
// 429 with count is a storm, 500_after and drop_after lose the answer after the work.
//
// The default world: project prj_shop (team team_aim, slug aim) with domains
// shop.test, www.shop.test and seller.shop.test; dpl_good1 served before, dpl_good2
// serves now. Slack knows U01 to U04. GitHub's stage.yml ends with a push to Vercel.
//
// # Behaviours
//
// Where each comes from (vpp is reference/vercel-prisma-postgres.md, int is
// reference/integrations.md; a number is a section) and the test that shows it.
//
//	All
//	any bearer token unless one is named           issue 2     TestVercel_authentication
//	each fault kind: answer and work done or not   issue 2     TestFaults_onVercel
//	a hang neither answers nor works               issue 2     TestFaults_hangNeverAnswersAndDoesNothing
//	faults count down, are listed and disarmed     issue 2     TestFaults_countListAndDisarm
//	the call log file is synced before answers     issue 2     TestCalls_fileHasEveryCallBeforeItsAnswer
//	one mutating call in 20: 500 after the work    issue 2     TestUnkind_randomErrorsComeAfterTheWork
//	its ports, a seed                              issue 2     TestStart_portsSeedAndConflict
//
//	Vercel
//	job pending, in-progress, succeeded            vpp 1.4     TestVercel_jobRunsAsynchronously
//	domains switch after the job says succeeded    vpp 3       TestVercel_domainsLagBehindTheJob
//	/v1, /v9, /v10; body or none; teamId or slug   vpp 1.0-1.3 TestVercel_acceptsAllPathsBodiesAndScopes
//	a rollback turns auto-assign off; pushes are
//	  STAGED; a promote turns it on again          vpp 1.2     TestVercel_rollbackSwitchesAutoAssignOff
//	an old lastAliasRequest stays visible          vpp 2       TestVercel_oldJobStaysVisible
//	400 402 403 404 409 410 422 and their bodies   vpp 1.1-1.3 TestVercel_refusals
//	one alias job at a time                        vpp 1.2     TestVercel_secondJobWhileOneRuns
//	failed moves some domains, skipped none        vpp 1.4, 2  TestVercel_failedAndSkippedJobs
//	403 missingToken, invalidToken                 vpp 1.1     TestVercel_authentication
//	lists page by until, filter, say uid           vpp 1.5     TestVercel_listPagesAndFilters
//	single reads; records, not the edge            vpp 1.5     TestVercel_readsShowRecordsNotTheEdge
//	update-description, 250 characters             vpp 1.2     TestVercel_updateDescription
//	projects and domains page; redirects, teams    vpp 1, 3    TestVercel_accountPages
//	a token of one project: 403 outside of it      vpp 1.1     TestVercel_tokenOfOneProject
//	account webhooks: the secret once, Hobby none,
//	  the same address twice, 20 at most           vpp 3       TestVercel_accountWebhooks
//	  and they are posted to                       vpp 3       TestVercel_accountWebhookIsToldOfItsProject
//	answers fit Vercel's OpenAPI                   SPEC        TestVercel_answersFitTheSpec,
//	                                                           TestVercel_newAnswersFitTheSpec
//	every sentence of 1.1 to 1.6: plans, hotfixes that
//	  stay STAGED, redeploys, rolling releases,
//	  slow jobs, stuck domains, revoked tokens     vpp 1.1-1.6 TestVercel_behaviours
//	the calls of Vercel's CLI in their order       vpp 2       TestVercel_cliCallByCall
//	Global Config: create before update; Hobby's and
//	  Pro's limits of writes; visitors see it late  vpp 1.7     TestVercel_globalConfig
//	webhooks signed, late, retried, doubled        vpp 3       TestWebhooks_signedRetriedAndDuplicated
//
//	Shop
//	health follows the serving deployment          issue 2     TestShop_healthFollowsTheServingDeployment
//	domains and deployment URLs by host            vpp 1.5     TestShop_hostChoosesDomainOrDeployment
//	another cache in front of a domain             nights 10   TestShop_anotherCacheInFront
//	troubles that are no deployment's fault        DESIGN 5    TestShop_someTroublesNoRollbackCures
//	paused: 503 DEPLOYMENT_PAUSED                  vpp 1.7     TestShop_pausedProject
//
//	SendGrid
//	202, X-Message-Id, substitutions, custom_args  int 1.3     TestSendGrid_acceptsAndDelivers
//	no idempotency: a repeat mails again           int 0.3     TestSendGrid_repeatMailsAgain
//	sandbox_mode is 200 and nothing else           int 1.3     TestSendGrid_sandboxModeDeliversNothing
//	limits and their 400s, 413                     int 1.3     TestSendGrid_limits
//	401; 429 without X-RateLimit headers           int 1.3     TestSendGrid_authenticationAndThrottle
//	gzip bodies                                    int 1.2     TestSendGrid_gzip
//	events signed over raw bytes, doubled          int 1.4     TestSendGrid_eventsAreSignedAndDuplicated
//	answers fit SendGrid's OpenAPI                 tsg_mail_v3 TestSendGrid_answersFitTheSpec
//
//	Sentry
//	a release; counts of events and new issues by
//	  search, X-Hits past a page; it lags          docs.sentry TestSentry_whatIsKnownOfARelease
//	429 says when the limit begins anew            docs.sentry TestSentry_throttleSaysWhenItsLimitBegins
//
//	Prometheus (checked against the real one in handlers/prometheus)
//	a value, no series, bad_data, execution        HTTP API v1 TestPrometheus_saysWhatItWasTold
//
//	GitHub (with the real go-github)
//	200 with return_run_details; runs take time;
//	  run-name has the op_id; / and /api/v3/       int 6       TestGitHub_dispatchAndPoll
//	204 without; a repeat runs twice               int 6       TestGitHub_withoutDetails204AndNotIdempotent
//	filters event, created, status, branch; pages  int 6       TestGitHub_listFilters
//	a new run is not listed at once                int 6       TestGitHub_newRunIsNotListedAtOnce
//	conclusions; a run can end with a push         issue 2     TestGitHub_conclusionAndDeploy
//	401 404 422; at most 25 inputs                 int 6       TestGitHub_refusals
//	trees, folder by folder                        nights 5    TestGitHub_trees
//	scripts of migrations, raw                     nights 6    TestGitHub_contents
//	compare; 403 with Retry-After is a limit, too  docs.github TestGitHub_compare
//	pull requests, trees, branches; revertPullRequest:
//	  200 with errors, and two pull requests        int 6       TestGitHub_pulls
//	429 is a secondary rate limit                  int 6       TestGitHub_throttleIsASecondaryLimit
//
//	Slack (with the real slack-go)
//	post, update, history with metadata, pages     int 2.1     TestSlack_postUpdateAndHistory
//	a repeated post is a second message            int 0.3     TestSlack_postIsNotIdempotent
//	people, groups, direct and ephemeral messages  int 2.1     TestSlack_people
//	auth.test names the scopes in a header         int 2.1     TestSlack_scopes
//	errors are 200 with ok false                   int 2.1     TestSlack_errorsAre200WithACode
//	1 message a second and channel, if set up      int 2.1     TestSlack_oneMessagePerSecondAndChannel
//	slash commands signed; wrong and old ones too  int 2.1     TestSlack_slashCommandIsSigned
//	an app has 3 s to answer                       int 2.1     TestSlack_waitsThreeSeconds
//	buttons; response URLs, five uses              int 2.1     TestSlack_clickAndResponseURL
//	response URLs end after 30 min                 int 2.1     TestSlack_responseURLExpires
//
//	Stripe (with the real stripe-go)
//	deliveries signed, late, retried, doubled      int 4.1     TestStripe_deliveriesAreSignedRetriedAndDoubled
//	delivery_success and pending_webhooks          int 4.1     TestStripe_withheldDeliveriesStayUndelivered
//	a disabled endpoint misses events for good     int 4.1     TestStripe_disabledEndpointGetsNothing
//	10 to 100 a page, newest first, 30 days        int 4.1     TestStripe_listPagesAndFilters
//	400 401 404 429 and their bodies               int 4.1     TestStripe_refusals
//
//	Toss
//	payments unsigned, createdAt without a zone;
//	  only 200 ends the retries, one id for all    int 4.2     TestToss_paymentsAreNotSignedAndRetriedUnderOneID
//	payout and seller signed, two values           int 4.2     TestToss_payoutsAreSigned
//	late and lost webhooks                         int 4.2     TestToss_withholdsAndLosesDeliveries
//	payments by key and order; transactions page
//	  by startingAfter, dates are Korea's          int 4.2     TestToss_paymentsAndTransactions
//	Basic with a colon; 400 401 404 500            int 4.2     TestToss_refusals
//
//	Supabase
//	backups, point in time, 201 and then RESTORING vercel 5    TestSupabase_fitsTheSpec
package sandbox
