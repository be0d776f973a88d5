package migrations

// look is what a rule sees beside the node: what is known of the schema, and the
// text in which the tree's locations count bytes.
type look struct {
	scope *Scope
	sql   []byte
}

// rule judges one kind of statement; it returns at least one finding.
type rule func(l look, n Node) []Finding

// rules is who judges what. A kind that is not here is unknown.
func rules() map[string]rule {
	return map[string]rule{
		"CreateStmt":          createTable,
		"CreateTableAsStmt":   createTableAs,
		"AlterTableStmt":      alterTable,
		"IndexStmt":           createIndex,
		"CreateEnumStmt":      createEnum,
		"CompositeTypeStmt":   createComposite,
		"AlterEnumStmt":       alterEnum,
		"CreateSchemaStmt":    createSchema,
		"CreateSeqStmt":       createSequence,
		"CreateExtensionStmt": createExtension,
		"ViewStmt":            createView,
		"CreatePolicyStmt":    createPolicy,
		"AlterPolicyStmt":     alterPolicy,
		"CreateTrigStmt":      createTrigger,
		"DropStmt":            drop,
		"RenameStmt":          rename,
		"InsertStmt":          insertRows,
		"UpdateStmt":          updateRows,
		"DeleteStmt":          deleteRows,
		"TruncateStmt":        truncate,
		"CommentStmt":         comment,
		"GrantStmt":           grant,
		"TransactionStmt":     transaction,
		"VariableSetStmt":     set,
		"DoStmt":              unread("run a DO block", "what stands in the block is not read"),
		"CreateFunctionStmt":  unread("create or replace a function", "its body is not read, and an old call may now mean this one"),
		"SelectStmt":          unread("run a SELECT", "a function that it calls can change anything"),
		"RuleStmt":            unread("create a rule", "it rewrites the old code's statements"),
		"CopyStmt":            unread("run COPY", "it moves rows in or out that are not in the migration"),
	}
}

// unread is the rule of what is known to be out of reach.
func unread(does, why string) rule {
	return func(look, Node) []Finding { return []Finding{unknown(does, why)} }
}

func one(f Finding) []Finding { return []Finding{f} }
