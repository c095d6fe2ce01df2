"""The words of the operator's page."""

TEXTS = {
    "operations_title": "Operations",
    "operations_lead": "How the archive {home} does, as of now.",
    "operations_refresh": "Look again",
    "operations_contents": "On this page",
    "operations_promoted": "The generation is live.",
    "operations_rolled_back": "The earlier generations are live again.",
    "operations_unreadable": "This cannot be read: {problem}",
    "operations_health": "Health",
    "operations_ready": "Ready: every view has a live index.",
    "operations_partly_ready": "Some views have no live index: {views}. Run: stet rebuild",
    "operations_not_ready": "Nothing is live yet. Run: stet rebuild",
    "operations_followed": "Process {process} on {host} follows the log.",
    "operations_not_followed": (
        "No process follows the log: what is appended is not searchable until one does, or until"
        " stet catch-up runs."
    ),
    "operations_clock": (
        "The last event was recorded {seconds} seconds ahead of this machine's clock."
    ),
    "operations_head": "Head of the log",
    "operations_digest": "Digest",
    "operations_sealed": "Sealed through",
    "operations_open_commits": "Open commits",
    "operations_lag": "Lag by view",
    "operations_view": "View",
    "operations_documents": "Documents",
    "operations_checkpoint": "Checkpoint",
    "operations_lag_events": "Lag (events)",
    "operations_lag_seconds": "Lag (seconds)",
    "operations_generation": "Generation",
    "operations_needs": "Needs a rebuild",
    "operations_generations": "Generations",
    "operations_generations_about": (
        "A generation is the index of a view as a rebuild made it. Readers search those that are"
        " live."
    ),
    "operations_no_generations": "There are none yet. Run: stet rebuild",
    "operations_size": "Size",
    "operations_built": "Built at",
    "operations_kept_as": "Kept as",
    "operations_state_live": "live",
    "operations_state_roll back": "to roll back to",
    "operations_state_promote again": "to promote again",
    "operations_state_": "until the next rebuild",
    "operations_promote": "Promote generation {generation}",
    "operations_roll_back": "Roll back to {state}",
    "operations_roll_back_to": "generation {generation}",
    "operations_roll_back_before": "what was live before",
    "operations_no_changes": "There is no other generation to promote or to roll back to.",
    "operations_subscriptions": "Subscriptions",
    "operations_subscriptions_about": (
        "A subscription is a program's place in the log; its checkpoint is the last event it has"
        " dealt with."
    ),
    "operations_no_subscriptions": "No program subscribes to the log.",
    "operations_name": "Name",
    "operations_categories": "Categories",
    "operations_all": "all",
    "operations_holder": "Held by",
    "operations_process": "process {process} on {host}",
    "operations_letters": "Dead letters",
    "operations_letters_about": "A dead letter is a document that the engine refused to index.",
    "operations_no_letters": "There is none.",
    "operations_letters_more": "{count} of {all} are shown; stet dead-letters list has all.",
    "operations_document": "Document",
    "operations_sequence": "Sequence",
    "operations_reason": "Reason",
    "operations_at": "When",
    "operations_runs": "Last runs",
    "operations_no_dagster": (
        "Runs are kept by Dagster. Set STET_DAGSTER_URL to its address, and they are listed here."
    ),
    "operations_dagster": "Open Dagster",
    "operations_dagster_problem": "The runs cannot be listed: Dagster at {url}: {problem}.",
    "operations_no_runs": "Dagster has run nothing yet.",
    "operations_job": "Job",
    "operations_status": "Status",
    "operations_begun": "Begun",
    "operations_took": "Took",
    "operations_seconds": "{seconds} s",
    "operations_storage": "Storage",
    "operations_storage_about": (
        "What {folder} takes on this machine's disk; {free} are free there."
    ),
    "operations_part": "Part",
    "operations_part_log": "Log",
    "operations_part_index": "Indexes",
    "operations_part_views": "Documents and kept state",
    "operations_part_dead-letters": "Dead letters",
    "operations_part_other": "Everything else",
    "operations_sum": "All",
    "operations_files": "Files",
    "operations_tokens": "Tokens",
    "operations_tokens_about": (
        "Made by stet access add, revoked by stet access revoke. Their secrets are stored nowhere."
    ),
    "operations_no_tokens": "There is none.",
    "operations_role": "Role",
    "operations_made": "Made",
    "operations_used": "Last used",
    "operations_revoked": "Revoked",
    "operations_never": "never",
    "operations_confirm_promote": "Make generation {generation} live?",
    "operations_confirm_roll_back": "Roll back?",
    "operations_confirm_about": (
        "Readers see the change at once, in all these views at the same moment. Events that a"
        " generation does not have yet are caught up by who follows the log."
    ),
    "operations_now": "Live now",
    "operations_then": "Live then",
    "operations_none": "none",
    "operations_yes_promote": "Promote",
    "operations_yes_roll_back": "Roll back",
    "operations_no": "Leave it as it is",
}
