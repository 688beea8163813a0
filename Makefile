# cachefront: PGXS makefile. 'make demo' and 'make test' need nothing installed.

EXTENSION = cachefront
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" cachefront.control)
MODULE_big = cachefront
SOURCES = $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SOURCES:.c=.o)
CF_HEADERS = $(wildcard src/*.h src/*/*.h)
INSTALL_SQL = $(sort $(wildcard sql/install/*.sql))
DATA_built = sql/cachefront--$(EXTVERSION).sql
DATA = $(wildcard sql/updates/*.sql)
# Queries, alerts and dashboard go where Debian's extensions have their documentation.
DOCS = $(wildcard monitoring/cachefront_*)

PG_CPPFLAGS = -I$(srcdir)/src -DCF_VERSION='"$(EXTVERSION)"' $(CF_LIB_CPPFLAGS) $(CF_CPPFLAGS)
# PostgreSQL's own headers have unused parameters and signed comparisons.
PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wmissing-prototypes -Wno-missing-field-initializers $(CF_CFLAGS)

REGRESS = $(patsubst sql/%.sql,%,$(filter-out sql/cachefront--%,$(sort $(wildcard sql/*.sql))))
# Specs that hold a session at a wait point need a debug build, and some a Redis:
# make test.
ISOLATION = $(filter-out debug_% redis_%,$(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec))))
# Until 15, expected outputs were looked for beside the inputs.
ISOLATION_OPTS = --inputdir=test $(if $(filter-out 15,$(MAJORVERSION)),--expecteddir=test) \
	--load-extension=cachefront
REGRESS_OPTS = --load-extension=cachefront
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
EXTRA_CLEAN = results regression.diffs regression.out output_iso tmp_check log

# Only these targets work before PostgreSQL's packages are there.
BARE_TARGETS = demo demo-stop test bench soak
ifneq ($(filter-out $(BARE_TARGETS),$(or $(MAKECMDGOALS),all)),)
# What the library is linked with. The compressions are used where they are
# found; WITH_ZSTD=no and WITH_LZ4=no leave them out (make clean first).
PKG_CONFIG ?= pkg-config
cf_found = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo yes || echo no)
WITH_ZSTD ?= $(call cf_found,libzstd)
WITH_LZ4 ?= $(call cf_found,liblz4)
CF_MODULES := libcrypto libssl hiredis
ifeq ($(WITH_ZSTD),yes)
CF_MODULES += libzstd
CF_LIB_CPPFLAGS := -DCF_HAVE_ZSTD
endif
ifeq ($(WITH_LZ4),yes)
CF_MODULES += liblz4
CF_LIB_CPPFLAGS += -DCF_HAVE_LZ4
endif
CF_LIB_CPPFLAGS += $(shell $(PKG_CONFIG) --cflags $(CF_MODULES) 2>/dev/null)
CF_LIBS := $(or $(shell $(PKG_CONFIG) --libs $(CF_MODULES) 2>/dev/null),-lcrypto)
# Our own functions are bound to each other when the library is linked.
SHLIB_LINK = $(CF_LIBS) -Wl,-Bsymbolic

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS tracks no headers.
$(OBJS): $(CF_HEADERS) Makefile

$(DATA_built): $(INSTALL_SQL) Makefile
	cat $(INSTALL_SQL) > $@

# PGXS would look for them in a folder monitoring/ there.
uninstall: uninstall-monitoring
.PHONY: uninstall-monitoring
uninstall-monitoring:
	rm -f $(addprefix '$(DESTDIR)$(docdir)/$(docmoduledir)'/,$(notdir $(DOCS)))
endif

.PHONY: demo demo-stop test bench soak

demo:
	@test/demo/demo.sh
demo-stop:
	@test/demo/demo.sh stop
test:
	@test/run.sh
bench:
	@test/bench/bench.sh
soak:
	@test/soak/soak.sh $(SECONDS)
