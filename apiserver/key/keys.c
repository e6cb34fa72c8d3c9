#include "apiserver/key/keys.h"

#include "apiserver/audit.h"
#include "apiserver/failure.h"
#include "apiserver/key/change.h"
#include "apiserver/key/db_keys.h"
#include "apiserver/operation.h"
#include "lib/api/meta.h"
#include "lib/base/id.h"
#include "lib/base/log.h"

#include <stdlib.h>

#define SHOWN_ID_MAX 64 /* bytes of an id that a message repeats */
#define OBJECT_SIZE 160 /* "TENANT/ID" */

static const char not_stored[] = "the key could not be stored";
static const char not_read[] = "the keys could not be read";
static const char not_revoked[] = "the key could not be revoked";

/* Whose keys does the caller manage? A key with the scope operator those of all, else of its own tenant. */
static bool manages_all(const struct caller *caller)
{
	return caller->scopes & SCOPE_OPERATOR;
}

static bool manages(const struct caller *caller, const char *tenant)
{
	return manages_all(caller) || strcmp(caller->tenant, tenant) == 0;
}

/* The audit has the caller's tenant; a key of another one is named with its own. */
static void note(const struct operation *operation, const char *action, const char *tenant, const char *id)
{
	char object[OBJECT_SIZE];
	bool is_own = !tenant || strcmp(operation->caller->tenant, tenant) == 0;
	snprintf(object, sizeof(object), "%s%s%s", is_own ? "" : tenant, is_own ? "" : "/", id);
	audit_note(operation->server->audit, operation->caller, action, object);
}

/* Create */

struct key_creation {
	struct operation operation;
	struct api_key key;
	char text[API_KEY_SIZE];
	/* NULL: it was called. */
	key_created_cb done;
	void *context;
};

static struct key_creation *creation_of(struct operation *operation)
{
	return (struct key_creation *)operation;
}

static void creation_end(struct key_creation *creation, const struct error *failure)
{
	key_created_cb done = creation->done;
	creation->done = NULL;
	if (done)
		done(creation->context, failure ? NULL : &creation->key, failure ? NULL : creation->text,
		     failure);
}

static void creation_fail(struct key_creation *creation, const struct error *err)
{
	struct error failure;
	failure_of_fault(creation->operation.caller, not_stored, err, &failure);
	creation_end(creation, &failure);
}

static void creation_free(struct operation *operation)
{
	struct key_creation *creation = creation_of(operation);
	struct error failure;
	failure_of_stop(&failure);
	creation_end(creation, &failure);
	api_key_clear(&creation->key);
	explicit_bzero(creation->text, sizeof(creation->text));
	free(creation);
}

static void on_create_seen(struct operation *operation)
{
	struct key_creation *creation = creation_of(operation);
	note(operation, "key.create", creation->key.tenant, creation->key.id);
	creation_end(creation, NULL);
}

/* Nobody said whether it was created; the watch had its time. */
static void on_create_looked_for(struct operation *operation)
{
	struct key_creation *creation = creation_of(operation);
	struct error failure;
	if (cluster_has_key_secret(operation->server->cluster, creation->key.secret)) {
		on_create_seen(operation);
		return;
	}
	error_set(&failure, ERR_UNAVAILABLE,
		  "it is not known whether key %s was stored, the cluster gave no answer; look for it in the "
		  "list of keys, revoke it if it is there, and make another one",
		  creation->key.id);
	creation_end(creation, &failure);
}

static void on_created(struct operation *operation, const struct kube_response *response)
{
	struct error failure;
	bool is_created =
	    !response->error || response->already_exists; /* a repeated create met its own success */
	if (!is_created && response->is_uncertain) {
		log_warn("it is not known whether a key was stored: looking", "request_id",
			 operation->caller->request_id, "reason", response->error->message, NULL);
		key_change_await(operation, creation_of(operation)->key.secret, true, on_create_looked_for);
		return;
	}
	if (!is_created) {
		failure_of_kube(operation->caller, operation->server->metrics, not_stored, response,
				&failure);
		creation_end(creation_of(operation), &failure);
		return;
	}
	key_change_await(operation, creation_of(operation)->key.secret, true, on_create_seen);
}

static void on_put(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct key_creation *creation = creation_of(operation);
	struct error err;
	char id[DB_KEYS_ID_SIZE];
	if (!error && db_keys_check_put(result, &creation->key, id, &err) != 0)
		error = &err;
	char *own_id = error ? NULL : str_dup(str_of(id));
	if (error) {
		creation_fail(creation, error);
	} else if (!own_id) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		creation_end(creation, &err);
	} else {
		free(creation->key.id);
		creation->key.id = own_id;
		db_keys_forget(operation->server->db_keys, str_of(creation->key.hash));
		on_create_seen(operation);
	}
}

/* With a database a key is a row in it, else a Secret. */
static int store(struct key_creation *creation, struct error *err)
{
	struct operation *operation = &creation->operation;
	struct apiserver *server = operation->server;
	struct api_key *key = &creation->key;
	if (server->db) {
		free(key->secret);
		key->secret = NULL;
		return operation_db(operation, DB_KEY_PUT, db_keys_put(key), on_put, err);
	}
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX), body = BUFFER(API_KEY_OBJECT_MAX);
	api_key_path(&path, server->namespace, NULL);
	if (buffer_check(&path, "the path", err) != 0 ||
	    api_key_to_secret(key, server->namespace, &body, err) != 0)
		return -1;
	struct kube_call call = {.method = "POST", .path = path.data, .body = buffer_str(&body)};
	return operation_kube(operation, &call, on_created, err);
}

/* Before anything is said of a tenant: whether one exists is not for the administrators of others. */
static int check_rights(const struct caller *caller, const struct key_wish *wish, struct error *err)
{
	if (wish->scopes & SCOPE_OPERATOR)
		return error_set(err, ERR_FORBIDDEN,
				 "the scope operator, for keys of all tenants, is given from a shell only: "
				 "skillbox-apiserver key create --scopes operator --tenant %.*s --name …",
				 (int)wish->tenant.n, wish->tenant.p);
	if (!manages_all(caller) && !str_eq(wish->tenant, str_of(caller->tenant)))
		return error_set(
		    err, ERR_FORBIDDEN,
		    "this API key manages the keys of its own tenant \"%s\", not of \"%.*s\": use a "
		    "key of that tenant with the scope admin, or one with the scope operator",
		    caller->tenant, (int)wish->tenant.n, wish->tenant.p);
	return 0;
}

static int make(struct key_creation *creation, const struct key_wish *wish, struct error *err)
{
	const struct apiserver *server = creation->operation.server;
	int shown = (int)wish->tenant.n;
	if (api_key_check_names(wish->tenant, wish->name, err) != 0 ||
	    check_rights(creation->operation.caller, wish, err) != 0)
		return -1;
	if (cluster_tenant_is_ambiguous(server->cluster, wish->tenant))
		return error_set(err, ERR_UNAVAILABLE,
				 "several namespaces have the label " API_TENANT_LABEL
				 "=%.*s: take it from all but one first",
				 shown, wish->tenant.p);
	if (!cluster_tenant_namespace(server->cluster, wish->tenant))
		return error_set(err, ERR_BAD_REQUEST,
				 "tenant \"%.*s\" has no namespace: label one " API_TENANT_LABEL
				 "=%.*s first",
				 shown, wish->tenant.p, shown, wish->tenant.p);
	api_key_generate(creation->text);
	return api_key_make(str_of(creation->text), wish->tenant, wish->name, wish->scopes,
			    clock_wall_ms(server->clock), &creation->key, err);
}

void key_create(struct apiserver *server, struct caller *caller, const struct key_wish *wish,
		key_created_cb done, void *context)
{
	struct error err;
	struct key_creation *creation = calloc(1, sizeof(*creation));
	if (!creation) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, NULL, &err);
		return;
	}
	operation_init(&creation->operation, server, caller, creation_free);
	creation->done = done;
	creation->context = context;
	if (make(creation, wish, &err) != 0) {
		failure_of_error(caller, &err, &err);
		creation_end(creation, &err);
	} else if (store(creation, &err) != 0) {
		creation_fail(creation, &err);
	}
	operation_unref(&creation->operation);
}

/* List */

struct key_listing {
	struct operation operation;
	struct api_key **keys;
	size_t count, capacity;
	/* So many at the end are of the database, and ours. */
	size_t own;
	/* NULL: it was called. */
	key_listed_cb done;
	void *context;
};

static struct key_listing *listing_of(struct operation *operation)
{
	return (struct key_listing *)operation;
}

static void listing_end(struct key_listing *listing, const struct error *failure)
{
	key_listed_cb done = listing->done;
	listing->done = NULL;
	if (done)
		done(listing->context, (const struct api_key *const *)listing->keys,
		     failure ? 0 : listing->count, failure);
}

static void listing_fail(struct key_listing *listing, const struct error *err)
{
	struct error failure;
	failure_of_fault(listing->operation.caller, not_read, err, &failure);
	listing_end(listing, &failure);
}

static void listing_free(struct operation *operation)
{
	struct key_listing *listing = listing_of(operation);
	struct error failure;
	failure_of_stop(&failure);
	listing_end(listing, &failure);
	for (size_t i = listing->count - listing->own; i < listing->count; i++)
		api_key_free(listing->keys[i]);
	free(listing->keys);
	free(listing);
}

static bool list_one(void *context, const void *object)
{
	struct key_listing *listing = context;
	const struct api_key *key = object;
	if (listing->count < listing->capacity && manages(listing->operation.caller, key->tenant))
		listing->keys[listing->count++] = (struct api_key *)(uintptr_t)key;
	return true;
}

static int list_rows(struct key_listing *listing, const struct db_result *result, struct error *err)
{
	for (size_t row = 0; result && row < db_result_rows(result); row++) {
		struct api_key *key = db_keys_row(result, row, err);
		if (!key)
			return -1;
		listing->keys[listing->count++] = key;
		listing->own++;
	}
	return 0;
}

/* result: of DB_KEY_LIST or DB_KEY_LIST_OF; NULL: there is no database. */
static void hand_over(struct key_listing *listing, const struct db_result *result)
{
	struct error err;
	struct informer *secrets = cluster_informer(listing->operation.server->cluster, CLUSTER_KEYS);
	listing->capacity = informer_count(secrets) + (result ? db_result_rows(result) : 0);
	listing->keys = calloc(listing->capacity + 1, sizeof(struct api_key *));
	if (!listing->keys) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		listing_end(listing, &err);
		return;
	}
	informer_each(secrets, list_one, listing);
	if (list_rows(listing, result, &err) != 0)
		listing_fail(listing, &err);
	else
		listing_end(listing, NULL);
}

static void on_listed(struct operation *operation, const struct db_result *result, const struct error *error)
{
	if (error)
		listing_fail(listing_of(operation), error);
	else
		hand_over(listing_of(operation), result);
}

static int list_stored(struct key_listing *listing, struct error *err)
{
	struct operation *operation = &listing->operation;
	if (manages_all(operation->caller))
		return operation_db(operation, DB_KEY_LIST, NULL, on_listed, err);
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, operation->caller->tenant);
	return operation_db(operation, DB_KEY_LIST_OF, parameters, on_listed, err);
}

void key_list(struct apiserver *server, struct caller *caller, key_listed_cb done, void *context)
{
	struct error err;
	struct key_listing *listing = calloc(1, sizeof(*listing));
	if (!listing) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, 0, &err);
		return;
	}
	operation_init(&listing->operation, server, caller, listing_free);
	listing->done = done;
	listing->context = context;
	if (!server->db)
		hand_over(listing, NULL);
	else if (list_stored(listing, &err) != 0)
		listing_fail(listing, &err);
	operation_unref(&listing->operation);
}

/* Revoke */

struct revocation {
	struct operation operation;
	/* As it was given. */
	struct str id;
	/* Of the key that has it; NULL: none has, or it is a row. */
	char *secret, *tenant;
	/* NULL: it was called. */
	key_revoked_cb done;
	void *context;
};

static struct revocation *revocation_of(struct operation *operation)
{
	return (struct revocation *)operation;
}

static void revocation_end(struct revocation *revocation, const struct error *failure)
{
	key_revoked_cb done = revocation->done;
	revocation->done = NULL;
	if (done)
		done(revocation->context, failure);
}

static void revocation_fail(struct revocation *revocation, const struct error *err)
{
	struct error failure;
	failure_of_fault(revocation->operation.caller, not_revoked, err, &failure);
	revocation_end(revocation, &failure);
}

static void refuse_unknown(struct revocation *revocation)
{
	struct error failure;
	error_set(&failure, ERR_NOT_FOUND, "key not found: %.*s",
		  (int)(revocation->id.n < SHOWN_ID_MAX ? revocation->id.n : SHOWN_ID_MAX), revocation->id.p);
	revocation_end(revocation, &failure);
}

/* It may be used for all tenants, so it is not for one tenant's administrator. */
static void refuse_operator(struct revocation *revocation)
{
	struct error failure;
	error_set(&failure, ERR_FORBIDDEN,
		  "key %.*s has the scope operator: it is revoked with another such key, or from a shell: "
		  "skillbox-apiserver key revoke %.*s",
		  SHOWN_ID_MAX, revocation->id.p, SHOWN_ID_MAX, revocation->id.p);
	revocation_end(revocation, &failure);
}

static void revocation_free(struct operation *operation)
{
	struct revocation *revocation = revocation_of(operation);
	struct error failure;
	failure_of_stop(&failure);
	revocation_end(revocation, &failure);
	free((char *)(uintptr_t)revocation->id.p);
	free(revocation->secret);
	free(revocation->tenant);
	free(revocation);
}

static void on_revoke_seen(struct operation *operation)
{
	struct revocation *revocation = revocation_of(operation);
	char id[SHOWN_ID_MAX + 1];
	snprintf(id, sizeof(id), "%s", revocation->id.p);
	note(operation, "key.revoke", revocation->tenant, id);
	revocation_end(revocation, NULL);
}

static void on_revoked(struct operation *operation, const struct kube_response *response)
{
	struct revocation *revocation = revocation_of(operation);
	struct error failure;
	if (response->error && response->status != 404) {
		failure_of_kube(operation->caller, operation->server->metrics, not_revoked, response,
				&failure);
		revocation_end(revocation, &failure);
		return;
	}
	key_change_await(operation, revocation->secret, false, on_revoke_seen);
}

static void on_row_revoked(struct operation *operation, const struct db_result *result,
			   const struct error *error)
{
	struct revocation *revocation = revocation_of(operation);
	if (error) {
		revocation_fail(revocation, error);
	} else if (db_result_rows(result) == 0) {
		refuse_unknown(revocation);
	} else if (!db_result_bool(result, 0, DB_KEY_REVOKED)) {
		refuse_operator(revocation);
	} else {
		db_keys_forget(operation->server->db_keys, str_of(db_result_text(result, 0, DB_KEY_HASH)));
		revocation->tenant = str_dup(str_of(db_result_text(result, 0, DB_KEY_TENANT)));
		on_revoke_seen(operation);
	}
}

static void revoke_row(struct revocation *revocation)
{
	struct error err;
	const struct caller *caller = revocation->operation.caller;
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, revocation->id.p);
	db_put_time(parameters, clock_wall_ms(revocation->operation.server->clock));
	if (!manages_all(caller))
		db_put_text(parameters, caller->tenant);
	if (operation_db(&revocation->operation, manages_all(caller) ? DB_KEY_REVOKE : DB_KEY_REVOKE_OF,
			 parameters, on_row_revoked, &err) != 0)
		revocation_fail(revocation, &err);
}

static void revoke_secret(struct revocation *revocation)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	api_key_path(&path, revocation->operation.server->namespace, revocation->secret);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	if (!path.failed && operation_kube(&revocation->operation, &call, on_revoked, &err) == 0)
		return;
	error_set(&err, ERR_UNAVAILABLE, "the key could not be revoked; try again in a moment");
	revocation_end(revocation, &err);
}

struct match {
	struct str id;
	const struct api_key *found;
};

static bool match_id(void *context, const void *object)
{
	struct match *match = context;
	const struct api_key *key = object;
	if (!str_eq(match->id, str_of(key->id)))
		return true;
	match->found = key;
	return false;
}

/* Of the key that was found, which the next turn of the loop may take. */
static int keep(struct revocation *revocation, const struct api_key *key)
{
	revocation->secret = str_dup(str_of(key->secret));
	revocation->tenant = str_dup(str_of(key->tenant));
	return revocation->secret && revocation->tenant ? 0 : -1;
}

static void revoke_found(struct revocation *revocation, const struct api_key *key)
{
	struct error err;
	const struct caller *caller = revocation->operation.caller;
	if (!manages(caller, key->tenant)) {
		refuse_unknown(revocation);
	} else if (key->scopes & SCOPE_OPERATOR && !manages_all(caller)) {
		refuse_operator(revocation);
	} else if (keep(revocation, key) != 0) {
		error_set(&err, ERR_UNAVAILABLE, "the key could not be revoked; try again in a moment");
		revocation_end(revocation, &err);
	} else {
		revoke_secret(revocation);
	}
}

static void start_revocation(struct revocation *revocation)
{
	struct apiserver *server = revocation->operation.server;
	struct match match = {.id = revocation->id};
	informer_each(cluster_informer(server->cluster, CLUSTER_KEYS), match_id, &match);
	if (match.found) {
		revoke_found(revocation, match.found);
	} else if (server->db && id_is_uuid(match.id)) {
		revoke_row(revocation);
	} else {
		refuse_unknown(revocation);
	}
}

void key_revoke(struct apiserver *server, struct caller *caller, struct str id, key_revoked_cb done,
		void *context)
{
	struct error err;
	struct revocation *revocation = calloc(1, sizeof(*revocation));
	char *own_id = revocation ? str_dup(id) : NULL;
	if (!own_id) {
		free(revocation);
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, &err);
		return;
	}
	operation_init(&revocation->operation, server, caller, revocation_free);
	revocation->id = (struct str){own_id, id.n};
	revocation->done = done;
	revocation->context = context;
	start_revocation(revocation);
	operation_unref(&revocation->operation);
}
