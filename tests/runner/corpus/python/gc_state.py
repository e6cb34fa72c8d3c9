import gc

print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug(), gc.garbage, gc.callbacks, len(gc.get_stats()))
import os

print(any(referrer is vars(os) for referrer in gc.get_referrers(os.path)))
