package summit

import _ "summit/backend/cpu" // registers itself
