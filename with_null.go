package summit

import _ "summit/backend/null" // registers itself
