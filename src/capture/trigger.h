/*
 * trigger.h - what the trigger functions of rules do.
 *
 * src/capture/trigger.h
 */
#ifndef CF_CAPTURE_TRIGGER_H
#define CF_CAPTURE_TRIGGER_H

#include "postgres.h"

#include "commands/trigger.h"

#include "codec/key.h"

/* A row trigger fired: collects the keys and tags of the old and new row. */
extern void cf_trigger_row(TriggerData *data);

/*
 * Everything that reads the table, however it is covered, is out of date: by
 * TRUNCATE or cache_invalidate_table. add is one of cf_pending_add_..._tag.
 */
extern void cf_trigger_whole_table(Oid relid, void (*add) (const CfTag *tag));

/* What depends on the table as such: a table rule fired. */
extern void cf_trigger_table(Oid relid);

/* PRE_COMMIT: what logical replication has truncated without any trigger. */
extern void cf_trigger_pre_commit(void);

extern void cf_trigger_install_hooks(void);

#endif							/* CF_CAPTURE_TRIGGER_H */
