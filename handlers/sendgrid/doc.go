// Package sendgrid owns e-mail through SendGrid: notices to an audience of users
// (action sendgrid.notice) and single mails to people on call. It must not decide
// who is told, when, or whether again: SendGrid has no idempotency key, so a
// request whose answer was lost is reported as in doubt and never repeated here.
//
// Start reading at Client.Actions (client.go). A notice runs in three strokes:
// plan.go reads the audience, renders every language and keeps both as blobs, so
// that what people approve is byte for byte what is sent; send.go sends exactly
// one chunk of that snapshot, one request per call; post.go makes the request and
// says whether it took place.
//
// Outside facts are from SendGrid's OpenAPI document (tsg_mail_v3.json) and from
// docs.sendgrid.com/api-reference/mail-send/limitations.
package sendgrid
