//go:build !race

package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/migrations"
)

// judgement is one script and what is expected of its last statement: class, reads,
// writes, and what its evidence and locks contain.
type judgement struct {
	sql           string
	class         string
	reads, writes migrations.Answer
	holds         []string
}

const (
	yes    = migrations.Yes
	no     = migrations.No
	rows   = migrations.ByRows
	unsure = migrations.Unsure
)

// TestScript_judgements: the statements that Prisma writes and those that people do.
func TestScript_judgements(t *testing.T) {
	t.Parallel()
	c := migrations.NewClassifier(&migrations.Postgres{})
	seen := 0
	for _, j := range slices.Concat(prismaCases(), handCases(), hostileCases()) {
		seen++
		got := c.Script(migrations.NewScope(), []byte(j.sql))
		if len(got) == 0 {
			t.Errorf("%q has no statement", j.sql)
			continue
		}
		s := got[len(got)-1]
		f := s.Findings[0]
		if s.Class.String() != j.class || (j.reads != "" && (f.Reads != j.reads || f.Writes != j.writes)) {
			t.Errorf("%s\nis %s, reads %s, writes %s (%s: %s)\nwant %s, reads %s, writes %s", j.sql, s.Class, f.Reads, f.Writes, f.Does, f.Why, j.class, j.reads, j.writes)
		}
		text := told(t, s)
		for _, want := range j.holds {
			if !strings.Contains(text, want) {
				t.Errorf("%s\n%q is not in\n%s", j.sql, want, text)
			}
		}
	}
	if seen < 120 {
		t.Errorf("only %d statements were judged", seen)
	}
}

func told(t *testing.T, s ...migrations.Statement) string {
	t.Helper()
	var b strings.Builder
	if err := migrations.Text(&b, []migrations.Judged{{Name: "m", Class: migrations.Worst(s), Statements: s}}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// prismaCases are as prisma migrate diff writes them.
func prismaCases() []judgement {
	const newOrder = "-- CreateTable\nCREATE TABLE \"Order\" (\n    \"id\" SERIAL NOT NULL,\n    \"userId\" INTEGER NOT NULL,\n    \"note\" TEXT,\n    \"at\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,\n\n    CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"id\")\n);\n\n"
	const newUser = "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n"
	return []judgement{
		{newOrder, "additive", yes, yes, nil},
		{newOrder + "-- CreateIndex\nCREATE UNIQUE INDEX \"Order_note_key\" ON \"Order\"(\"note\");", "additive", yes, yes, nil},
		{newOrder + "-- CreateIndex\nCREATE INDEX \"Order_note_idx\" ON \"Order\"(\"note\");", "additive", yes, yes, nil},
		{newOrder + newUser + "-- AddForeignKey\nALTER TABLE \"Order\" ADD CONSTRAINT \"Order_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;", "additive", yes, yes, nil},
		{newOrder + "-- AddForeignKey\nALTER TABLE \"Order\" ADD CONSTRAINT \"Order_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;", "data", yes, rows, []string{`SELECT count(*) FROM "Order" WHERE "userId" IS NOT NULL`, `SHARE ROW EXCLUSIVE on "User"`}},
		{newOrder + "ALTER TABLE \"Order\" ADD CONSTRAINT \"f\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;", "additive", yes, yes, nil},
		{newOrder + "ALTER TABLE \"Order\" ADD CONSTRAINT \"f\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;", "data", yes, rows, nil},
		{"ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;", "breaking", yes, no, []string{"NOT EXISTS", "gone through"}},
		{"-- AlterTable\nALTER TABLE \"User\" ADD COLUMN     \"nick\" TEXT;", "additive", yes, yes, []string{"ACCESS EXCLUSIVE"}},
		{"ALTER TABLE \"User\" ADD COLUMN     \"nick\" TEXT NOT NULL;", "breaking", yes, no, []string{`SELECT count(*) FROM "User"`}},
		{"ALTER TABLE \"User\" ADD COLUMN     \"nick\" TEXT NOT NULL DEFAULT '';", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"updatedAt\" TIMESTAMP(3) NOT NULL;", "breaking", yes, no, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"createdAt\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"tags\" TEXT[];", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"tags\" TEXT[] DEFAULT ARRAY[]::TEXT[];", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"n\" SERIAL NOT NULL;", "additive", yes, yes, []string{"gone through"}},
		{"ALTER TABLE \"User\" ADD COLUMN     \"u\" UUID NOT NULL DEFAULT gen_random_uuid();", "additive", yes, yes, []string{"gone through"}},
		{"ALTER TABLE \"User\" ADD COLUMN     \"role\" \"Role\" NOT NULL DEFAULT 'USER';", "data", yes, rows, []string{`'"Role"'::regtype`}},
		{"CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN');\nALTER TABLE \"User\" ADD COLUMN \"role\" \"Role\" NOT NULL DEFAULT 'USER';", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"orderId\" INTEGER;\nALTER TABLE \"User\" ADD CONSTRAINT \"f\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;", "additive", yes, yes, nil},
		{"ALTER TABLE \"User\" ADD COLUMN     \"orderId\" INTEGER;\nALTER TABLE \"User\" ADD CONSTRAINT \"f\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;", "data", yes, rows, nil},
		{"ALTER TABLE \"User\" ADD COLUMN \"slug\" TEXT;\nCREATE UNIQUE INDEX \"User_slug_key\" ON \"User\"(\"slug\");", "additive", yes, yes, []string{"SHARE on"}},
		{"ALTER TABLE \"User\" ADD COLUMN \"slug\" TEXT DEFAULT 'x';\nCREATE UNIQUE INDEX \"User_slug_key\" ON \"User\"(\"slug\");", "breaking", yes, no, nil},
		{"-- AlterTable\nALTER TABLE \"User\" DROP COLUMN \"nick\";", "destructive", no, no, []string{`lost: the values of "User"."nick"`}},
		{"ALTER TABLE \"User\" DROP COLUMN \"age\",\nADD COLUMN     \"age\" INTEGER NOT NULL;", "destructive", no, no, nil},
		{"ALTER TABLE \"User\" ALTER COLUMN \"nick\" SET NOT NULL;", "breaking", yes, no, []string{`WHERE "nick" IS NULL`, "gone through"}},
		{"ALTER TABLE \"User\" ALTER COLUMN \"nick\" DROP NOT NULL;", "data", rows, yes, []string{`WHERE "nick" IS NULL`}},
		{"ALTER TABLE \"User\" ALTER COLUMN \"nick\" SET DEFAULT 'x';", "data", unsure, yes, nil},
		{"ALTER TABLE \"User\" ALTER COLUMN \"nick\" DROP DEFAULT;", "breaking", yes, unsure, nil},
		{"ALTER TABLE \"User\" ALTER COLUMN \"id\" SET DATA TYPE BIGINT;", "breaking", no, unsure, []string{"gone through"}},
		{"-- DropTable\nDROP TABLE \"User\";", "destructive", no, no, []string{`all rows of "User"`}},
		{"-- DropIndex\nDROP INDEX \"User_nick_key\";", "breaking", unsure, unsure, nil},
		{"CREATE INDEX \"i\" ON \"User\"(\"nick\");\nDROP INDEX \"i\";", "additive", yes, yes, nil},
		{"-- DropForeignKey\nALTER TABLE \"Order\" DROP CONSTRAINT \"Order_userId_fkey\";", "breaking", unsure, unsure, nil},
		{"-- DropEnum\nDROP TYPE \"Role\";", "breaking", unsure, unsure, nil},
		{"-- AlterEnum\nALTER TYPE \"PaymentMethod\" ADD VALUE 'TOSS_PAY';", "data", rows, yes, []string{"how many rows hold the value 'TOSS_PAY'"}},
		{"CREATE TYPE \"R\" AS ENUM ('A');\nALTER TYPE \"R\" ADD VALUE 'B';", "additive", yes, yes, nil},
		{"-- CreateEnum\nCREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN');", "additive", yes, yes, nil},
		{"-- AlterEnum\nBEGIN;\nCREATE TYPE \"Role_new\" AS ENUM ('USER');\nALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");", "breaking", no, unsure, nil},
		{"ALTER TYPE \"Role\" RENAME TO \"Role_old\";", "breaking", no, no, nil},
		{"-- CreateIndex\nCREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");", "breaking", yes, no, []string{"HAVING count(*) > 1", "SHARE on"}},
		{"-- CreateIndex\nCREATE INDEX \"User_email_idx\" ON \"User\"(\"email\" DESC);", "additive", yes, yes, []string{`SHARE on "User", blocks writes`}},
		{"-- CreateIndex\nCREATE INDEX \"g\" ON \"User\" USING GIN (\"tags\" array_ops);", "additive", yes, yes, nil},
		{"-- RenameIndex\nALTER INDEX \"a\" RENAME TO \"b\";", "breaking", yes, unsure, nil},
		{"-- RenameForeignKey\nALTER TABLE \"Order\" RENAME CONSTRAINT \"a\" TO \"b\";", "breaking", yes, unsure, nil},
		{"-- CreateSchema\nCREATE SCHEMA IF NOT EXISTS \"billing\";", "additive", yes, yes, nil},
		{"-- CreateExtension\nCREATE EXTENSION IF NOT EXISTS \"citext\";", "additive", yes, yes, nil},
		{"ALTER TABLE \"Order\" DROP CONSTRAINT \"Order_pkey\",\nADD COLUMN \"uid\" TEXT NOT NULL,\nADD CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"uid\");", "breaking", "", "", nil},
	}
}
